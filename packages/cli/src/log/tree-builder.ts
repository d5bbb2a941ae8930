import { type Hash, type HashReader, nodeHash, treeRoot } from "@rising-bsm/protocol";

/** Levels of the tree between two levels of tiles. */
export const TILE_HEIGHT = 8;

/** A hash that belongs into a tile, and its place among the hashes of that tile level. */
export interface TileHash {
  readonly level: number;
  readonly index: number;
  readonly hash: Hash;
}

/** A Merkle tree that grows leaf by leaf; it keeps one hash a level and no leaf. */
export interface TreeBuilder {
  readonly size: () => number;
  /**
   * Adds a leaf, or the root of 2^`level` leaves where one begins. Answers the hashes that tiles have
   * because of it, lowest level first.
   */
  append(hash: Hash, level?: number): Promise<TileHash[]>;
  root(): Promise<Hash>;
}

/** Starts with the tree's first `size` leaves, of which `read` knows the complete subtrees. */
export async function createTreeBuilder(size: number, read: HashReader): Promise<TreeBuilder> {
  let count = size;
  // By level: the complete subtree that has no right neighbour yet.
  const waiting = new Map<number, Hash>();
  for (let level = 0; size >= 2 ** level; level++) {
    const subtrees = Math.floor(size / 2 ** level);
    if (subtrees % 2 === 1) waiting.set(level, await read(level, subtrees - 1));
  }
  return {
    size: () => count,
    async append(subtree, height = 0) {
      const done: TileHash[] = [];
      let hash = subtree;
      for (let level = height; ; level++) {
        if (level % TILE_HEIGHT === 0)
          done.push({ level: level / TILE_HEIGHT, index: Math.floor(count / 2 ** level), hash });
        const left = waiting.get(level);
        if (left === undefined) {
          waiting.set(level, hash);
          break;
        }
        waiting.delete(level);
        hash = await nodeHash(left, hash);
      }
      count += 2 ** height;
      return done;
    },
    root: () => rootOf(waiting, count),
  };
}

/** The subtrees that wait are the tree, the greatest first. */
async function rootOf(waiting: ReadonlyMap<number, Hash>, count: number): Promise<Hash> {
  const [first, ...rest] = [...waiting].sort(([a], [b]) => a - b).map(([, hash]) => hash);
  if (first === undefined) return treeRoot(() => Promise.reject(new Error("no leaf")), count);
  let hash = first;
  for (const left of rest) hash = await nodeHash(left, hash);
  return hash;
}

/** Root of a full tile, a row of nodes at a time: the platform hashes them beside each other. */
export async function tileRoot(tile: readonly Hash[]): Promise<Hash> {
  const [first, second] = tile;
  if (first === undefined || second === undefined) return first ?? new Uint8Array();
  const pairs = tile.flatMap((left, at) => {
    const right = tile[at + 1];
    return at % 2 === 0 && right !== undefined ? [nodeHash(left, right)] : [];
  });
  return tileRoot(await Promise.all(pairs));
}
