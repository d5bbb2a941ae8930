import {
  type Checkpoint,
  equalBytes,
  type Finding,
  type Hash,
  hex,
  leafHash,
  RbsmError,
  TILE_WIDTH,
  tilePath,
  tileWidth,
} from "@rising-bsm/protocol";
import { inOrder } from "./in-order.ts";
import type { LogSource } from "./log-source.ts";
import { createTreeBuilder, type TileHash, type TreeBuilder } from "./tree-builder.ts";

/** Entry bundles that are fetched at a time; each has at most `LOG_LIMITS.entriesBytes`. */
const AHEAD = 6;

/** Findings that are told; a log with more is broken anyway. */
const FINDINGS = 50;

/** What is wrong at one place of the log. */
export interface LogFinding extends Finding {
  readonly index?: number;
  readonly expected?: string;
  readonly found?: string;
}

/** Which part of the log to read, and what to do with each entry: it may say what is wrong with it. */
export interface Replay {
  readonly source: LogSource;
  /** Entries before this one are taken as the tiles have them; the root proves the tiles. */
  readonly from: number;
  readonly head: Checkpoint;
  onEntry(index: number, entry: Uint8Array<ArrayBuffer>): Promise<LogFinding[]> | LogFinding[];
  /** At the end of each bundle: more that is wrong with its entries. */
  onBundle?(done: Progress): Promise<LogFinding[]>;
}

/** The log as far as it was computed. */
export interface Progress {
  readonly size: number;
  readonly root: () => Promise<Hash>;
  /** Nothing was found until here. */
  readonly isSound: boolean;
}

/**
 * Computes the log from its entries: every leaf, every hash of every tile, and the root that the
 * checkpoint signs. Memory does not grow with the log. Throws `trust_log_invalid` with the findings.
 */
export async function replayLog(replay: Replay): Promise<void> {
  const { source, from, head } = replay;
  const findings: LogFinding[] = [];
  const tree = await createTreeBuilder(from, source.reader(head.size));
  const checkTiles = createTileCheck(source, head.size);
  const first = Math.floor(from / TILE_WIDTH);
  const bundles = Math.ceil(head.size / TILE_WIDTH) - first;
  const read = (at: number) => readBundle(source, first + at, head.size);
  for await (const entries of from === head.size ? [] : inOrder(bundles, AHEAD, read)) {
    const start = Math.floor(tree.size() / TILE_WIDTH) * TILE_WIDTH;
    for (const entry of entries.slice(tree.size() - start)) {
      findings.push(...(await replay.onEntry(tree.size(), entry)));
      findings.push(...(await checkTiles(await tree.append(await leafHash(entry)))));
      if (findings.length >= FINDINGS) throw broken(findings);
    }
    const done = { size: tree.size(), root: () => tree.root(), isSound: findings.length === 0 };
    findings.push(...((await replay.onBundle?.(done)) ?? []));
  }
  findings.push(...(await checkRoot(tree, head)));
  if (findings.length > 0) throw broken(findings);
}

function readBundle(
  source: LogSource,
  index: number,
  size: number,
): Promise<Uint8Array<ArrayBuffer>[]> {
  return source.entries(index, tileWidth(size, { level: 0, index }));
}

/** Holds each hash against the tile that should have it; one tile a level is kept. */
function createTileCheck(source: LogSource, size: number) {
  const current = new Map<number, { readonly index: number; readonly hashes: readonly Hash[] }>();
  return async function checkTiles(computed: readonly TileHash[]): Promise<LogFinding[]> {
    const findings: LogFinding[] = [];
    for (const { level, index, hash } of computed) {
      const place = { level, index: Math.floor(index / TILE_WIDTH) };
      const tile = { ...place, width: tileWidth(size, place) };
      const known = current.get(level);
      const hashes = known?.index === place.index ? known.hashes : await source.tile(tile);
      current.set(level, { index: place.index, hashes });
      const found = hashes[index % TILE_WIDTH];
      if (found !== undefined && equalBytes(found, hash)) continue;
      findings.push(wrongHash(`/log/${tilePath(tile)}`, { level, index, hash }, found));
    }
    return findings;
  };
}

function wrongHash(
  path: string,
  { level, index, hash }: TileHash,
  found: Hash | undefined,
): LogFinding {
  const [expected, said] = [hex(hash), found === undefined ? "nothing" : hex(found)];
  const what = level === 0 ? `entry ${index}` : `hash ${index} of level ${level}`;
  const message = `${what} is ${expected} by the entries, ${said} by the tile`;
  return { rule: "log_tile_mismatch", path, message, index, expected, found: said };
}

async function checkRoot(tree: TreeBuilder, head: Checkpoint): Promise<LogFinding[]> {
  const root = await tree.root();
  if (equalBytes(root, head.root)) return [];
  const [expected, found] = [hex(head.root), hex(root)];
  const message = `The checkpoint signs the root ${expected}, the ${head.size} entries have ${found}`;
  return [{ rule: "log_root_mismatch", path: "/log/checkpoint", message, expected, found }];
}

function broken(findings: readonly LogFinding[]): RbsmError {
  const [first] = findings;
  const message = `The log does not verify: ${first?.message ?? "nothing fits"}`;
  return new RbsmError("trust_log_invalid", message, { findings });
}

/** One entry of the log of `size`; undefined when there is none. */
export async function readOneEntry(
  source: LogSource,
  index: number,
  size: number,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const entries = await readBundle(source, Math.floor(index / TILE_WIDTH), size);
  return entries[index % TILE_WIDTH];
}
