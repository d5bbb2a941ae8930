import { mkdir, open } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createMarketplace, type Incoming, type Outgoing, type Send } from "@rising-bsm/host-sdk";
import { RbsmError } from "@rising-bsm/protocol";

/** What may change under its name; everything else is the same for ever. */
export const POINTERS: readonly string[] = ["/log/checkpoint", "/tuf/timestamp.json"];

/** A way to a marketplace that keeps a copy of every file that was read through it. */
export interface CopyingSend {
  readonly send: Send;
  /** By path, whether the file is new or was in the mirror already. */
  readonly copied: ReadonlyMap<string, "new" | "kept">;
  /** Adds a file that was not read from the marketplace. */
  add(path: string, bytes: Uint8Array): Promise<void>;
}

/** Where files come from, and the folder that the new ones go to. */
export interface CopySources {
  readonly marketplace: Send;
  /** The mirror as it is; files that cannot change are taken from here. Null: ask for everything. */
  readonly mirror: Send | null;
  readonly staging: string;
}

/** Characters of every path that a marketplace has: a document may name a bundle elsewhere. */
const SEGMENT = /^[A-Za-z0-9@_+-][A-Za-z0-9@._+-]*$/;

/** What a reader asks for through it is what another reader will ask the copy for. */
export function createCopyingSend({ marketplace, mirror, staging }: CopySources): CopyingSend {
  const copied = new Map<string, "new" | "kept">();
  const staged = createMarketplace({ url: staging }).send;
  async function add(path: string, bytes: Uint8Array): Promise<void> {
    await writeSynced(join(staging, requirePlain(path)), bytes);
    copied.set(path, "new");
  }
  function knownCopy(path: string): Send | null {
    if (copied.get(path) === "new") return staged;
    return POINTERS.includes(path) ? null : mirror;
  }
  async function* tee(chunks: AsyncIterable<Uint8Array>, path: string): AsyncGenerator<Uint8Array> {
    const parts: Uint8Array[] = [];
    for await (const chunk of chunks) {
      parts.push(chunk);
      yield chunk;
    }
    await add(path, Buffer.concat(parts));
  }
  async function send(request: Outgoing): Promise<Incoming> {
    const path = requirePlain(request.path);
    // The whole file is copied, so no part of it is asked for, and no condition is made.
    const whole: Outgoing = { ...request, headers: {} };
    const known = await knownCopy(path)?.(whole);
    if (known?.status === 200) {
      if (!copied.has(path)) copied.set(path, "kept");
      return known;
    }
    await known?.discard();
    const answer = await marketplace(whole);
    return answer.status === 200 ? { ...answer, chunks: tee(answer.chunks, path) } : answer;
  }
  return { send, copied, add };
}

function requirePlain(path: string): string {
  const [first, ...segments] = path.split("/");
  if (first === "" && segments.every((segment) => SEGMENT.test(segment))) return path;
  throw new RbsmError("network_bad_answer", `The marketplace names a file at ${path}`);
}

async function writeSynced(file: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const handle = await open(file, "w");
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
