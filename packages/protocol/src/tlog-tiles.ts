import { concatBytes } from "./encoding.ts";
import { RbsmError } from "./errors.ts";
import { LOG_LIMITS } from "./limits.ts";
import { nodeHash, type Hash, type HashReader } from "./merkle.ts";

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
const HASH_BYTES = 32;

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
    const [old, now] = [before, size].map((count) => Math.floor(count / TILE_WIDTH ** level));
    if (old === undefined || now === undefined || old === now) continue;
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

/** Root of a run of hashes whose number is a power of two: of a full tile it is a hash of the next level. */
export async function subtreeRoot(hashes: readonly Hash[]): Promise<Hash> {
  let row = hashes;
  while (row.length > 1) {
    const next: Hash[] = [];
    for (let at = 0; at + 1 < row.length; at += 2) {
      const [left, right] = row.slice(at, at + 2);
      if (left !== undefined && right !== undefined) next.push(await nodeHash(left, right));
    }
    row = next;
  }
  const [root] = row;
  if (root === undefined) throw invalid("A tile has fewer hashes than its place demands");
  return root;
}

/**
 * Hashes of the log of `size` entries, read from its tiles, each once. `readTile` gives the hashes of a
 * tile; nothing here verifies them: what is computed from them has to lead to a known root.
 */
export function tileReader(
  size: number,
  readTile: (tile: Tile) => Promise<readonly Hash[]>,
): HashReader {
  const known = new Map<string, Promise<readonly Hash[]>>();
  return async (level, index) => {
    const tileLevel = Math.floor(level / TILE_HEIGHT);
    const count = 2 ** (level % TILE_HEIGHT);
    const start = index * count;
    const place = { level: tileLevel, index: Math.floor(start / TILE_WIDTH) };
    const tile = { ...place, width: tileWidth(size, place) };
    const path = tilePath(tile);
    const hashes = known.get(path) ?? readTile(tile);
    known.set(path, hashes);
    return subtreeRoot((await hashes).slice(start % TILE_WIDTH, (start % TILE_WIDTH) + count));
  };
}

/** An entry bundle: each entry behind its length in two bytes, the greater first. */
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
  const entries: Uint8Array<ArrayBuffer>[] = [];
  for (let at = 0; at < bytes.length;) {
    const [high, low] = bytes.subarray(at, at + 2);
    const end = at + 2 + (high ?? 0) * 256 + (low ?? 0);
    if (low === undefined || end > bytes.length) throw invalid("An entry bundle is cut off");
    entries.push(Uint8Array.from(bytes.subarray(at + 2, end)));
    at = end;
  }
  if (entries.length === width) return entries;
  throw invalid(`An entry bundle of ${width} holds ${entries.length}`);
}

function invalid(message: string): RbsmError {
  return new RbsmError("trust_log_invalid", message);
}
