import {
  type Checkpoint,
  equalBytes,
  type Finding,
  type Hash,
  hex,
  leafHash,
  RbsmError,
  type Tile,
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
  /** Left out, entries are not read and the tiles are only held against each other and the root. */
  onEntry?(index: number, entry: Uint8Array<ArrayBuffer>): Promise<LogFinding[]> | LogFinding[];
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
  const tiles = createTileCheck(source, head.size);
  const first = Math.floor(from / TILE_WIDTH);
  const parts = from === head.size ? 0 : Math.ceil(head.size / TILE_WIDTH) - first;
  for await (const part of inOrder(parts, AHEAD, (at) => readPart(replay, first + at))) {
    tiles.know(part.tile, part.hashes);
    while (tree.size() < part.end) {
      const { leaf, wrong } = await leafOf(replay, part, tree.size());
      findings.push(...wrong, ...(await tiles.check(await tree.append(leaf))));
      if (findings.length >= FINDINGS) throw broken(findings);
    }
    const done = { size: tree.size(), root: () => tree.root(), isSound: findings.length === 0 };
    findings.push(...((await replay.onBundle?.(done)) ?? []));
  }
  findings.push(...(await checkRoot(tree, head)));
  if (findings.length > 0) throw broken(findings);
}

/** A tile of leaves, and their entries when they are read. */
interface Part {
  readonly tile: Tile;
  readonly end: number;
  readonly hashes: readonly Hash[];
  readonly entries: readonly Uint8Array<ArrayBuffer>[] | null;
}

async function readPart(replay: Replay, index: number): Promise<Part> {
  const { source, head } = replay;
  const width = tileWidth(head.size, { level: 0, index });
  const tile = { level: 0, index, width };
  const [hashes, entries] = await Promise.all([
    source.tile(tile),
    replay.onEntry === undefined ? null : source.entries(index, width),
  ]);
  return { tile, end: index * TILE_WIDTH + width, hashes, entries };
}

async function leafOf(
  replay: Replay,
  { hashes, entries }: Part,
  index: number,
): Promise<{ readonly leaf: Hash; readonly wrong: LogFinding[] }> {
  const entry = entries?.[index % TILE_WIDTH];
  if (entry !== undefined)
    return { leaf: await leafHash(entry), wrong: (await replay.onEntry?.(index, entry)) ?? [] };
  const leaf = hashes[index % TILE_WIDTH];
  if (leaf !== undefined) return { leaf, wrong: [] };
  throw new RbsmError("trust_log_invalid", `The log has no entry ${index}`);
}

/** Holds each hash against the tile that should have it; one tile a level is kept. */
function createTileCheck(source: LogSource, size: number) {
  const current = new Map<number, { readonly index: number; readonly hashes: readonly Hash[] }>();
  const know = ({ level, index }: Tile, hashes: readonly Hash[]) =>
    void current.set(level, { index, hashes });
  async function check(computed: readonly TileHash[]): Promise<LogFinding[]> {
    const findings: LogFinding[] = [];
    for (const { level, index, hash } of computed) {
      const place = { level, index: Math.floor(index / TILE_WIDTH) };
      const tile = { ...place, width: tileWidth(size, place) };
      const known = current.get(level);
      const hashes = known?.index === place.index ? known.hashes : await source.tile(tile);
      know(tile, hashes);
      const found = hashes[index % TILE_WIDTH];
      if (found !== undefined && equalBytes(found, hash)) continue;
      findings.push(wrongHash(`/log/${tilePath(tile)}`, { level, index, hash }, found));
    }
    return findings;
  }
  return { know, check };
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
  const bundle = Math.floor(index / TILE_WIDTH);
  const width = tileWidth(size, { level: 0, index: bundle });
  return (await source.entries(bundle, width))[index % TILE_WIDTH];
}
