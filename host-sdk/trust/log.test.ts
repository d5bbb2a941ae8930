import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  fromBase64,
  openCheckpoint,
  signCheckpoint,
  type SigningKey,
  signingKeyFromSeed,
  utf8,
  verifyConsistency,
} from "@rising-bsm/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createMarketplace } from "../client/marketplace.ts";
import { codeOf } from "../testing/expectations.ts";
import { type FileServer, serveFiles } from "../testing/serve-files.ts";
import { createTestLog, type TestLog } from "../testing/test-log.ts";
import { type LogClient, openLog } from "./log.ts";

const ORIGIN = "example.com/log";
const AT = "2026-11-01T00:00:00.000Z";
const EVIDENCE = "log-fork.json";

const files = new Map<string, Uint8Array>();
let server: FileServer;
let dataDir: string;
let key: SigningKey;
let log: TestLog;
let errors: string[];

beforeEach(async () => {
  files.clear();
  server = await serveFiles(files);
  dataDir = await mkdtemp(join(tmpdir(), "rbsm-log-"));
  key = await signingKeyFromSeed(new Uint8Array(32).fill(1));
  log = await createTestLog(ORIGIN, key);
  errors = [];
});
afterEach(async () => {
  await server.close();
  await rm(dataDir, { recursive: true, force: true });
});

const entry = (index: number) => utf8(`entry ${index}`);
const trusted = (file: string) => join(dataDir, "trust", file);
const evidence = async () => JSON.parse(await readFile(trusted(EVIDENCE), "utf8"));
const known = async () => JSON.parse(await readFile(trusted("log.json"), "utf8"));

async function grow(to: number, of: TestLog = log): Promise<void> {
  for (let index = of.size(); index < to; index++) await of.append(entry(index));
}

/** Serves these logs' tiles and the last one's checkpoint, and nothing else. */
async function serve(...logs: readonly TestLog[]): Promise<void> {
  files.clear();
  for (const one of logs) for (const [path, bytes] of await one.files()) files.set(path, bytes);
}

function open(logs: readonly TestLog[] = [log]): Promise<LogClient> {
  const marketplace = createMarketplace({ url: server.url, backOffMs: 1 });
  const keys = logs.map(({ origin, key: { publicKey } }) => ({ name: origin, publicKey }));
  return openLog({
    dataDir,
    marketplace,
    keys: async () => keys,
    now: () => new Date(AT),
    logger: { error: (message) => void errors.push(message) },
  });
}

test("a growing log is followed entry by entry, and every entry is proved at every size", async () => {
  const client = await open();
  for (let size = 1; size <= 18; size++) {
    await grow(size);
    await serve(log);
    if (size % 3 === 0) await client.refresh();
    for (const index of new Set([0, size >> 1, size - 1]))
      expect(await client.prove(await log.proof(index), entry(index))).toBe(index);
    expect(await known()).toMatchObject([{ origin: ORIGIN, size }]);
  }
});

test.each([
  [200, 256],
  [255, 257],
  [256, 512],
  [257, 513],
  [300, 700],
])("a log of %i entries is followed across tiles to %i, and back", async (before, after) => {
  await grow(before);
  await serve(log);
  const client = await open();
  const early = await log.proof(7);
  await client.refresh();
  await grow(after);
  await serve(log);
  await client.refresh();
  expect(await known()).toMatchObject([{ size: after }]);
  expect(await client.prove(early, entry(7))).toBe(7);
  expect(await known()).toMatchObject([{ size: after }]);
});

test("a mirror that kept only the full tile is read too", async () => {
  await grow(200);
  await serve(log);
  const client = await open();
  await client.refresh();
  const proof = await log.proof(150, 180);
  await grow(256);
  await serve(log);
  expect([...files.keys()]).not.toContain("/log/tile/0/000.p/200");
  expect(await client.prove(proof, entry(150))).toBe(150);
});

test("an older checkpoint is accepted and never stored, the empty log's too", async () => {
  await grow(9);
  await serve(log);
  const client = await open();
  await client.refresh();
  for (const older of [0, 1, 5, 8]) {
    files.set("/log/checkpoint", utf8(await log.checkpoint(older)));
    await client.refresh();
  }
  expect(await known()).toMatchObject([{ size: 9 }]);
  expect(await client.fork()).toBeNull();
});

test("a log that is still empty is nothing to remember", async () => {
  await serve(log);
  const client = await open();
  await client.refresh();
  await expect(known()).rejects.toThrow(/ENOENT/);
});

test.each([
  ["as long as before", 9],
  ["longer", 14],
  ["shorter", 5],
])("another history, %s, leaves evidence and stops everything", async (_, size) => {
  await grow(9);
  await serve(log);
  const client = await open();
  await client.refresh();
  const other = await log.fork(3);
  await grow(size, other);
  await serve(other, log);
  files.set("/log/checkpoint", utf8(await other.checkpoint(size)));
  expect(await codeOf(client.refresh())).toBe("trust_log_fork");
  expect(errors).toEqual(["The log shows this host another history than before"]);
  const found = await evidence();
  expect(found).toMatchObject({ at: AT, origin: ORIGIN, url: `${server.url}/log/checkpoint` });
  expect((await stat(trusted(EVIDENCE))).mode & 0o777).toBe(0o600);
  await expectProof(found);
  expect((await client.fork())?.file).toBe(trusted(EVIDENCE));
  await serve(log);
  expect(await codeOf(client.refresh())).toBe("trust_log_fork");
  const again = await open();
  expect(await codeOf(again.prove(await log.proof(0), entry(0)))).toBe("trust_log_fork");
  await rm(trusted(EVIDENCE));
  expect(await again.prove(await log.proof(0), entry(0))).toBe(0);
});

/** A stranger with the log's key and the file alone sees that the log told two histories. */
async function expectProof(found: Record<string, string> & { proof?: string[] }): Promise<void> {
  const keys = [{ name: ORIGIN, publicKey: key.publicKey }];
  const notes = [found["known"] ?? "", found["shown"] ?? ""];
  const heads = await Promise.all(notes.map((note) => openCheckpoint(note, keys)));
  const [first, second] = heads.toSorted((a, b) => a.size - b.size);
  if (first === undefined || second === undefined) throw new Error("Two notes were expected");
  const prefix = fromBase64(found["prefixRoot"] ?? "");
  expect(Buffer.from(prefix).equals(first.root)).toBe(false);
  const proof = (found.proof ?? []).map((hash) => fromBase64(hash));
  const start = { size: first.size, root: prefix };
  expect(await verifyConsistency({ first: start, second, proof })).toBe(true);
}

test("a fork is seen inside of a release's proof as well", async () => {
  await grow(9);
  await serve(log);
  const client = await open();
  await client.refresh();
  const other = await log.fork(8);
  await serve(other);
  const proof = client.prove(await other.proof(8), utf8("forked 8"));
  expect(await codeOf(proof)).toBe("trust_log_fork");
  expect((await evidence()).url).toContain("proof of entry 8");
});

test("an empty log with a root that no empty tree has is a fork, even at first sight", async () => {
  const note = await signCheckpoint({ origin: ORIGIN, size: 0, root: new Uint8Array(32) }, key);
  files.set("/log/checkpoint", utf8(note));
  expect(await codeOf((await open()).refresh())).toBe("trust_log_fork");
});

test.each([
  ["changed", (tile: Uint8Array) => tile.map((byte, at) => (at === 40 ? byte ^ 1 : byte))],
  ["cut", (tile: Uint8Array) => tile.subarray(1)],
])("a %s tile accuses nobody: it does not verify, and the next one does", async (_, harm) => {
  await grow(5);
  await serve(log);
  const client = await open();
  await client.refresh();
  await grow(9);
  await serve(log);
  const path = "/log/tile/0/000.p/9";
  const tile = files.get(path) ?? new Uint8Array();
  files.set(path, harm(tile));
  expect(await codeOf(client.refresh())).toBe("trust_log_invalid");
  expect(await client.fork()).toBeNull();
  expect(await known()).toMatchObject([{ size: 5 }]);
  files.set(path, tile);
  await client.refresh();
  expect(await known()).toMatchObject([{ size: 9 }]);
});

test("an entry that was dropped or rewritten is not proved", async () => {
  await grow(9);
  await serve(log);
  const client = await open();
  const proof = await log.proof(4);
  expect(await codeOf(client.prove(proof, entry(5)))).toBe("trust_log_invalid");
  const moved = proof.replace("index 4", "index 5");
  expect(await codeOf(client.prove(moved, entry(4)))).toBe("trust_log_invalid");
  expect(await codeOf(client.prove("", entry(4)))).toBe("trust_log_invalid");
  expect(await client.prove(proof, entry(4))).toBe(4);
});

test("a checkpoint that another key signed is refused", async () => {
  const stranger = await createTestLog(
    ORIGIN,
    await signingKeyFromSeed(new Uint8Array(32).fill(2)),
  );
  await grow(3, stranger);
  await serve(stranger);
  const client = await open();
  expect(await codeOf(client.refresh())).toBe("trust_log_invalid");
  expect(await client.fork()).toBeNull();
});

test("each log has its own checkpoint", async () => {
  const next = await createTestLog("example.com/log2", key);
  await grow(5);
  await grow(3, next);
  await serve(log);
  const client = await open([log, next]);
  await client.refresh();
  await serve(next);
  await client.refresh();
  expect(await known()).toMatchObject([
    { origin: ORIGIN, size: 5 },
    { origin: "example.com/log2", size: 3 },
  ]);
  expect(await client.prove(await log.proof(0), entry(0))).toBe(0);
  await serve(next);
  expect(await client.prove(await next.proof(0), entry(0))).toBeNull();
});

test.each([
  ["checkpoint", "/log/checkpoint", 70_000],
  ["tile", "/log/tile/0/000.p/9", 9_000],
])("a %s over its limit is not read", async (_, path, size) => {
  await grow(5);
  await serve(log);
  const client = await open();
  await client.refresh();
  await grow(9);
  await serve(log);
  files.set(path, new Uint8Array(size));
  expect(await codeOf(client.refresh())).toBe("network_bad_answer");
});

test("proofs of several releases read each tile once, and one that lies is not kept", async () => {
  await grow(600);
  await serve(log);
  const client = await open();
  await client.refresh();
  const proofs = await Promise.all([300, 310, 320, 330].map((size) => log.proof(7, size)));
  const path = "/log/tile/0/001";
  const bytes = files.get(path) ?? new Uint8Array();
  const lie = Uint8Array.from(bytes);
  lie.fill(1, 255 * 32);
  files.set(path, lie);
  const [first = "", ...others] = proofs;
  expect(await codeOf(client.prove(first, entry(7)))).toBe("trust_log_invalid");
  files.set(path, bytes);
  server.requests.length = 0;
  for (const proof of [first, ...others]) expect(await client.prove(proof, entry(7))).toBe(7);
  expect(new Set(server.requests).size).toBe(server.requests.length);
  expect(server.requests).toContain(path);
});

test("checks at the same time do not go back behind each other", async () => {
  await grow(30);
  await serve(log);
  const client = await open();
  const sizes = [30, 7, 22, 1, 29, 13];
  const tile = files.get("/log/tile/0/000.p/30") ?? new Uint8Array();
  for (const size of sizes) files.set(`/log/tile/0/000.p/${size}`, tile.subarray(0, size * 32));
  const proofs = await Promise.all(sizes.map((size) => log.proof(0, size)));
  const proved = proofs.map((proof) => client.prove(proof, entry(0)));
  expect(await Promise.all(proved)).toEqual(sizes.map(() => 0));
  expect(await known()).toMatchObject([{ size: 30 }]);
});

test("what cannot be stored is not accepted, and is when it can", async () => {
  await grow(5);
  await serve(log);
  const client = await open();
  const blocked = trusted(`log.json.${process.pid}.tmp`);
  await mkdir(blocked, { recursive: true });
  expect(await codeOf(client.prove(await log.proof(0), entry(0)))).not.toBe("ok");
  await rm(blocked, { recursive: true });
  expect(await client.prove(await log.proof(0), entry(0))).toBe(0);
});

test("a fork whose evidence cannot be written stops everything as well", async () => {
  await grow(5);
  await serve(log);
  const client = await open();
  await client.refresh();
  const blocked = trusted(`${EVIDENCE}.${process.pid}.tmp`);
  await mkdir(blocked);
  await serve(await log.fork());
  expect(await codeOf(client.refresh())).toBe("trust_log_fork");
  await serve(log);
  expect(await codeOf(client.refresh())).toBe("trust_log_fork");
  expect(errors[0]).toBe("The evidence could not be written");
  expect(await client.fork()).toEqual({ file: "", at: AT });
});

test("a damaged stored checkpoint is not silently begun anew", async () => {
  await grow(5);
  await serve(log);
  const client = await open();
  await client.refresh();
  await writeFile(trusted("log.json"), "[{");
  expect(await codeOf(client.refresh())).toBe("trust_log_invalid");
});
