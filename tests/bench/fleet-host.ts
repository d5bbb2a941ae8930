import { Agent, request, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import {
  catalogShardSchema,
  shardTarget,
  signProof,
  type SigningKey,
  targetPath,
  utf8,
} from "@rising-bsm/protocol";
import { z } from "zod";

/** What a host read last. */
interface Known {
  readonly etag: string;
  readonly snapshot: number;
  readonly catalog: number;
  readonly shard: string;
}

const NOTHING: Known = { etag: "", snapshot: 0, catalog: 0, shard: "" };

/** A host as the marketplace sees it: what it has read, and its key. */
export interface FleetHost {
  known: Known | null;
  version: string;
  readonly key: SigningKey;
}

/** Keeps connections open, as hosts' fetch does, and counts all that crosses them. */
export class Wire {
  readonly #sockets = new Set<Socket>();
  readonly #agent: Agent;
  readonly #base: URL;

  constructor(base: URL, connections: number) {
    this.#base = base;
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections });
  }

  bytes(): number {
    return [...this.#sockets].reduce((sum, one) => sum + one.bytesRead + one.bytesWritten, 0);
  }

  send(
    method: "GET" | "POST",
    path: string,
    { headers = {}, body }: { headers?: Record<string, string>; body?: Uint8Array } = {},
  ): Promise<{ status: number; etag: string; body: Buffer }> {
    return new Promise((resolve, reject) => {
      const to = { method, headers, agent: this.#agent };
      const outgoing = request(new URL(path, this.#base).href, to, (answer) => {
        void this.#read(answer, path).then(resolve, reject);
      });
      outgoing.on("socket", (socket) => this.#sockets.add(socket));
      outgoing.on("error", reject);
      outgoing.end(body);
    });
  }

  async #read(answer: IncomingMessage, path: string) {
    const chunks: Buffer[] = [];
    for await (const chunk of answer) chunks.push(Buffer.from(chunk));
    const status = answer.statusCode ?? 0;
    if (![200, 204, 304].includes(status)) throw new Error(`${path} answered ${status}`);
    return { status, etag: answer.headers.etag ?? "", body: Buffer.concat(chunks) };
  }

  close(): void {
    this.#agent.destroy();
  }
}

const targetSchema = z.object({ hashes: z.object({ sha256: z.string() }) });
const metadataSchema = z.object({
  signed: z.object({
    meta: z.record(z.string(), z.object({ version: z.int() })).optional(),
    targets: z.record(z.string(), targetSchema).optional(),
  }),
});

async function readMetadata(wire: Wire, path: string) {
  const { body } = await wire.send("GET", path);
  return metadataSchema.parse(JSON.parse(body.toString())).signed;
}

/**
 * The update check of a host that has one plugin, with the requests of `Trust.check` (compare
 * tests/update-check.test.ts) and without its signatures. Answers whether anything was new.
 */
export async function poll(wire: Wire, host: FleetHost, plugin: string): Promise<boolean> {
  const { known } = host;
  const headers = known === null ? {} : { "if-none-match": known.etag };
  const answer = await wire.send("GET", "/tuf/timestamp.json", { headers });
  if (answer.status === 304) return false;
  const { meta = {} } = metadataSchema.parse(JSON.parse(answer.body.toString())).signed;
  const snapshot = meta["snapshot.json"]?.version ?? 0;
  host.known = { ...(known ?? NOTHING), etag: answer.etag };
  if (snapshot === host.known.snapshot) return false;
  host.known = { ...host.known, ...(await readSnapshot(wire, snapshot, plugin)) };
  return true;
}

/** What a release changes: always catalog, shard and document of the plugin. */
async function readSnapshot(
  wire: Wire,
  snapshot: number,
  plugin: string,
): Promise<Omit<Known, "etag">> {
  const { meta = {} } = await readMetadata(wire, `/tuf/${snapshot}.snapshot.json`);
  const catalog = meta["catalog.json"]?.version ?? 0;
  const { targets = {} } = await readMetadata(wire, `/tuf/${catalog}.catalog.json`);
  await wire.send("GET", "/log/checkpoint");
  const target = await shardTarget(plugin);
  const shard = targets[target]?.hashes.sha256 ?? "";
  const { body } = await wire.send("GET", targetPath(target, shard));
  const document = catalogShardSchema.parse(JSON.parse(body.toString())).plugins[plugin] ?? "";
  await wire.send("GET", `/index/${plugin}/${document}.json`);
  return { snapshot, catalog, shard };
}

/** The daily report. */
export async function report(wire: Wire, host: FleetHost, about: { url: string; plugin: string }) {
  const now = Date.now();
  const day = new Date(now).toISOString().slice(0, 10);
  const body = utf8(
    JSON.stringify({ day, plugins: [{ name: about.plugin, version: host.version }] }),
  );
  const order = { method: "POST", url: `${about.url}/v1/beacons`, body, now };
  const proof = await signProof({ ...order, rid: crypto.randomUUID() }, host.key);
  const headers = {
    "content-type": "application/json",
    "content-length": String(body.length),
    "rbsm-proof": proof,
  };
  await wire.send("POST", "/v1/beacons", { headers, body });
}
