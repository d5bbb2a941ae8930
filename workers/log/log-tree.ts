import {
  RbsmError,
  TILE_WIDTH,
  hex,
  fromHex,
  inclusionProof,
  leafHash,
  subtreeRoot,
  tileReader,
  treeRoot,
} from "@rising-bsm/protocol";
import type { Hash, HashReader, Tile } from "@rising-bsm/protocol";

/** A row of `log_hashes`. */
export interface HashRow {
  readonly level: number;
  readonly place: number;
  readonly hash: string;
}

/**
 * The log's hashes as far as they are known here, which is its right edge; others are asked for tile
 * by tile. Neither cost grows with the log.
 */
export interface LogTree {
  readonly known: Map<string, Hash>;
  readonly loadTile: (tile: Tile) => Promise<readonly HashRow[]>;
}

export function createTree(edge: readonly HashRow[], loadTile: LogTree["loadTile"]): LogTree {
  const tree: LogTree = { known: new Map(), loadTile };
  remember(tree, edge);
  return tree;
}

function remember({ known }: LogTree, rows: readonly HashRow[]): void {
  for (const { level, place, hash } of rows) known.set(`${level}/${place}`, fromHex(hash));
}

/** Adds entries behind the last one and returns the new hashes, those of tiles that are now full too. */
export async function appendEntries(
  tree: LogTree,
  size: number,
  entries: readonly Uint8Array[],
): Promise<HashRow[]> {
  const added: HashRow[] = [];
  for (const [at, entry] of entries.entries()) {
    await addHash({ tree, added }, { level: 0, place: size + at }, await leafHash(entry));
  }
  return added;
}

async function addHash(
  to: { readonly tree: LogTree; readonly added: HashRow[] },
  { level, place }: { readonly level: number; readonly place: number },
  hash: Hash,
): Promise<void> {
  to.added.push({ level, place, hash: hex(hash) });
  to.tree.known.set(`${level}/${place}`, hash);
  if ((place + 1) % TILE_WIDTH !== 0) return;
  const index = Math.floor(place / TILE_WIDTH);
  const full = await readTile(to.tree, { level, index, width: TILE_WIDTH });
  await addHash(to, { level: level + 1, place: index }, await subtreeRoot(full));
}

/** The hashes of a tile. */
export async function readTile(tree: LogTree, tile: Tile): Promise<Hash[]> {
  const known = knownHashes(tree, tile);
  if (known.length === tile.width) return known;
  remember(tree, await tree.loadTile(tile));
  const loaded = knownHashes(tree, tile);
  if (loaded.length === tile.width) return loaded;
  throw new RbsmError("internal", `The database lacks hashes of tile ${tile.level}/${tile.index}`);
}

function knownHashes({ known }: LogTree, { level, index, width }: Tile): Hash[] {
  const places = Array.from({ length: width }, (_, at) => index * TILE_WIDTH + at);
  return places.flatMap((place) => known.get(`${level}/${place}`) ?? []);
}

/** Root of the log's first `size` entries. */
export function rootAt(tree: LogTree, size: number): Promise<Hash> {
  return treeRoot(hashesAt(tree, size), size);
}

/** What proves that each of these entries is in the log of `size` entries. */
export function proofsAt(tree: LogTree, size: number): (index: number) => Promise<readonly Hash[]> {
  const read = hashesAt(tree, size);
  return (index) => inclusionProof(read, index, size);
}

/** Proofs of neighbours have most of their hashes in common: each is computed once. */
function hashesAt(tree: LogTree, size: number): HashReader {
  const read = tileReader(size, (tile) => readTile(tree, tile));
  const computed = new Map<string, Promise<Hash>>();
  return (level, index) => {
    const key = `${level}/${index}`;
    const hash = computed.get(key) ?? read(level, index);
    computed.set(key, hash);
    return hash;
  };
}
