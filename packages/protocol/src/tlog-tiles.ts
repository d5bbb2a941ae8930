import { concatBytes } from "./encoding.ts";
import { RbsmError } from "./errors.ts";
import { LOG_LIMITS } from "./limits.ts";
import { HASH_BYTES, nodeHash, type Hash, type HashReader } from "./merkle.ts";

/**
 * Where the log lies and how (c2sp.org/tlog-tiles): a tile of level L holds up to 256 hashes of complete
 * subtrees of 256^L leaves; an entry bundle holds up to 256 entries. Paths are below `/log/`.
 */
export interface Tile {
  readonly level: number;
  readonly index: number;
  /** Hashes in the tile, 1 to 256. */
  readonly width: number;
}

/** Hashes in a full tile, and entries in a full bundle. */
export const TILE_WIDTH = 256;

const TILE_HEIGHT = 8;

/** Path of a tile, `tile/L/N` or `tile/L/N.p/W`. */
export function tilePath({ level, index, width }: Tile): string {
  return `tile/${level}/${tileNumber(index)}${partialSuffix(width)}`;
}

/** Path of an entry bundle, `tile/entries/N` or `tile/entries/N.p/W`. */
export function entriesPath(index: number, width: number): string {
  return `tile/entries/${tileNumber(index)}${partialSuffix(width)}`;
}

/** 1234067 is `x001/x234/067`. */
function tileNumber(index: number): string {
  const groups = [String(index % 1000).padStart(3, "0")];
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    groups.unshift(`x${String(rest % 1000).padStart(3, "0")}`);
  }
  return groups.join("/");
}

function partialSuffix(width: number): string {
  return width === TILE_WIDTH ? "" : `.p/${width}`;
}

/** Width of the tile at this place in the log of `size` entries; 0 where there is none. */
export function tileWidth(size: number, { level, index }: Omit<Tile, "width">): number {
  const hashes = Math.floor(size / TILE_WIDTH ** level);
  return Math.max(0, Math.min(TILE_WIDTH, hashes - index * TILE_WIDTH));
}

/** The tiles that the log of `size` entries has and the one of `before` has not, as they are at `size`. */
export function newTiles(before: number, size: number): Tile[] {
  const tiles: Tile[] = [];
  for (let level = 0; size >= TILE_WIDTH ** level; level++) {
    const old = Math.floor(before / TILE_WIDTH ** level);
    const now = Math.floor(size / TILE_WIDTH ** level);
    if (old === now) continue;
    for (let index = Math.floor(old / TILE_WIDTH); index * TILE_WIDTH < now; index++) {
      tiles.push({ level, index, width: tileWidth(size, { level, index }) });
    }
  }
  return tiles;
}

/** The hashes of a tile. Throws `trust_log_invalid` when it has not the width that was asked for. */
export function decodeTile(bytes: Uint8Array, width: number): Hash[] {
  if (bytes.length !== width * HASH_BYTES) {
    throw invalid(`A tile of ${width} hashes is ${bytes.length} bytes long`);
  }
  return Array.from({ length: width }, (_, at) =>
    Uint8Array.from(bytes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES)),
  );
}

/** Hash of a node as `nodeHash` computes it, perhaps in a quicker way that the caller has. */
export type HashPair = (left: Hash, right: Hash) => Promise<Hash> | Hash;

/**
 * Root of a run of hashes whose number is a power of two: of a full tile it is a hash of the next level.
 * Throws `trust_log_invalid` for another number of them.
 */
export async function subtreeRoot(
  hashes: readonly Hash[],
  hashPair: HashPair = nodeHash,
): Promise<Hash> {
  const [first, second] = hashes;
  if (first === undefined) throw invalid("A subtree has no hashes");
  if (second === undefined) return first;
  if (hashes.length % 2 !== 0) throw invalid("A subtree is not complete");
  const half = hashes.length / 2;
  const left = await subtreeRoot(hashes.slice(0, half), hashPair);
  return hashPair(left, await subtreeRoot(hashes.slice(half), hashPair));
}

/**
 * Hashes of the log of `size` entries, read from its tiles, each once. `readTile` gives the hashes of a
 * tile; nothing here verifies them: what is computed from them has to lead to a known root. Throws
 * `trust_log_invalid` for a hash that the log has not, or that the tile does not hold.
 */
export function tileReader(
  size: number,
  readTile: (tile: Tile) => Promise<readonly Hash[]>,
  hashPair: HashPair = nodeHash,
): HashReader {
  const known = new Map<string, Promise<readonly Hash[]>>();
  return async (level, index) => {
    const tileLevel = Math.floor(level / TILE_HEIGHT);
    const count = 2 ** (level % TILE_HEIGHT);
    const start = index * count;
    const place = { level: tileLevel, index: Math.floor(start / TILE_WIDTH) };
    const tile = { ...place, width: tileWidth(size, place) };
    const first = start % TILE_WIDTH;
    if (first + count > tile.width) throw invalid(`A log of ${size} entries has no such hash`);
    const path = tilePath(tile);
    const hashes = known.get(path) ?? readTile(tile);
    known.set(path, hashes);
    const run = (await hashes).slice(first, first + count);
    if (run.length !== count) throw invalid(`The tile ${path} is too short`);
    return subtreeRoot(run, hashPair);
  };
}

/**
 * An entry bundle: each entry behind its length in two bytes, the greater first. Throws
 * `trust_log_invalid` for an entry of more than `LOG_LIMITS.entryBytes`.
 */
export function encodeEntries(entries: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return concatBytes(
    ...entries.flatMap((entry) => {
      if (entry.length > LOG_LIMITS.entryBytes) throw invalid("A log entry is too long");
      return [Uint8Array.of(entry.length >> 8, entry.length & 0xff), entry];
    }),
  );
}

/** The entries of a bundle. Throws `trust_log_invalid` unless there are exactly `width` of them. */
export function decodeEntries(bytes: Uint8Array, width: number): Uint8Array<ArrayBuffer>[] {
  let at = 0;
  const entries = Array.from({ length: width }, () => {
    const [high, low] = bytes.subarray(at, at + 2);
    if (high === undefined || low === undefined) throw invalid("An entry bundle is cut off");
    const start = at + 2;
    at = start + high * 256 + low;
    return Uint8Array.from(bytes.subarray(start, at));
  });
  if (at === bytes.length) return entries;
  throw invalid(`An entry bundle does not end with its ${width} entries`);
}

function invalid(message: string): RbsmError {
  return new RbsmError("trust_log_invalid", message);
}
