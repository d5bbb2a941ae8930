import {
  RbsmError,
  TILE_WIDTH,
  decodeEntries,
  entriesPath,
  equalBytes,
  hex,
  openCheckpoint,
  sha256,
  tileWidth,
  utf8Decode,
} from "@rising-bsm/protocol";
import type { OpenedCheckpoint } from "@rising-bsm/protocol";
import type { Database } from "../database.ts";
import { settings, signingKey } from "../env.ts";
import type { Bindings } from "../env.ts";
import { CHECKPOINT_KEY, findStoredSize } from "./in-step.ts";
import { appendEntries, createTree, rootAt } from "./log-tree.ts";
import type { LogTree } from "./log-tree.ts";
import { loadTile } from "./queries.ts";
import { storeHistory } from "./recover-queries.ts";

/** Hashed in one request: a small part of the time that a Worker has. */
const ENTRIES_AT_ONCE = 4 * TILE_WIDTH;

/** The log as the bucket has it. */
export interface History {
  readonly checkpoint: Pick<OpenedCheckpoint, "size" | "root">;
  /** Entries may reach further than the checkpoint: proofs of them may have been given away. */
  readonly size: number;
}

export async function readHistory(env: Bindings): Promise<History> {
  const checkpoint = await readCheckpoint(env);
  const stored = await findStoredSize(env.BUNDLES, checkpoint.size);
  return { checkpoint, size: Math.max(checkpoint.size, stored) };
}

/** Of a bucket without one, as a deployment from before the log left it: that of an empty log. */
async function readCheckpoint(env: Bindings): Promise<History["checkpoint"]> {
  const object = await env.BUNDLES.get(CHECKPOINT_KEY);
  if (object === null) return { size: 0, root: await sha256(new Uint8Array()) };
  const { publicKey } = await signingKey(env, "LOG_KEY");
  const keys = [{ name: settings(env).LOG_ORIGIN, publicKey }];
  return openCheckpoint(await object.text(), keys);
}

/** Takes entries from the bucket into the database and hashes them; answers with where it stopped. */
export async function takeEntries(
  env: Bindings,
  db: Database,
  { from, size }: { from: number; size: number },
): Promise<number> {
  const tree = treeOf(db);
  const first = Math.floor(from / TILE_WIDTH);
  const end = Math.min(size, first * TILE_WIDTH + ENTRIES_AT_ONCE);
  for (let index = first; index * TILE_WIDTH < end; index++) {
    const place = { level: 0, index };
    const width = tileWidth(size, place);
    const bytes = await readObject(env.BUNDLES, `log/${entriesPath(index, width)}`);
    const entries = decodeEntries(bytes, width);
    const hashes = await appendEntries(tree, index * TILE_WIDTH, entries);
    const rows = entries.map((entry, at) => ({
      place: index * TILE_WIDTH + at,
      entry: utf8Decode(entry, "trust_log_invalid"),
    }));
    await storeHistory(db, { entries: rows, hashes });
  }
  return end;
}

async function readObject(bucket: R2Bucket, key: string): Promise<Uint8Array<ArrayBuffer>> {
  const object = await bucket.get(key);
  if (object === null) throw new RbsmError("trust_log_invalid", `The bucket lacks ${key}`);
  return new Uint8Array(await object.arrayBuffer());
}

/** Throws `trust_log_invalid` unless the entries in the database lead to the signed root. */
export async function rootOfHistory(db: Database, { checkpoint, size }: History): Promise<string> {
  const tree = treeOf(db);
  if (!equalBytes(await rootAt(tree, checkpoint.size), checkpoint.root)) {
    throw new RbsmError("trust_log_invalid", "The entries do not lead to the checkpoint's root");
  }
  return hex(await rootAt(tree, size));
}

function treeOf(db: Database): LogTree {
  return createTree([], (tile) => loadTile(db, tile));
}
