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
import {
  createTreeBuilder,
  TILE_HEIGHT,
  type TileHash,
  tileRoot,
  type TreeBuilder,
} from "./tree-builder.ts";

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
    findings.push(...(await checkEntries(replay, part, tree.size())));
    findings.push(...(await tiles.check(await growTree(tree, part))));
    if (findings.length >= FINDINGS) throw broken(findings.slice(0, FINDINGS));
    const done = { size: tree.size(), root: () => tree.root(), isSound: findings.length === 0 };
    findings.push(...((await replay.onBundle?.(done)) ?? []));
  }
  findings.push(...(await checkRoot(tree, head)));
  if (findings.length > 0) throw broken(findings);
}

/** Up to 256 leaves: as the tile has them, and computed from the entries when those are read. */
interface Part {
  readonly tile: Tile;
  readonly hashes: readonly Hash[];
  readonly entries: readonly Uint8Array<ArrayBuffer>[];
  readonly leaves: readonly Hash[];
}

async function readPart(replay: Replay, index: number): Promise<Part> {
  const { source, head } = replay;
  const width = tileWidth(head.size, { level: 0, index });
  const tile = { level: 0, index, width };
  const [hashes, entries] = await Promise.all([
    source.tile(tile),
    replay.onEntry === undefined ? [] : source.entries(index, width),
  ]);
  const leaves = replay.onEntry === undefined ? hashes : await Promise.all(entries.map(leafHash));
  return { tile, hashes, entries, leaves };
}

async function checkEntries(replay: Replay, part: Part, from: number): Promise<LogFinding[]> {
  const findings: LogFinding[] = [];
  const start = part.tile.index * TILE_WIDTH;
  for (const [at, entry] of part.entries.entries())
    if (start + at >= from) findings.push(...((await replay.onEntry?.(start + at, entry)) ?? []));
  return findings;
}

/** Adds the part's leaves that the tree has not; the hashes that tiles have because of them. */
async function growTree(tree: TreeBuilder, { tile, leaves }: Part): Promise<TileHash[]> {
  const start = tile.index * TILE_WIDTH;
  const grown: TileHash[] = [];
  if (tree.size() === start && leaves.length === TILE_WIDTH) {
    grown.push(...leaves.map((hash, at) => ({ level: 0, index: start + at, hash })));
    return [...grown, ...(await tree.append(await tileRoot(leaves), TILE_HEIGHT))];
  }
  for (const leaf of leaves.slice(tree.size() - start)) grown.push(...(await tree.append(leaf)));
  return grown;
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
