import { consistencyProof, tilePath, tileReader, treeRoot } from "@rising-bsm/protocol";
import type { Hash, Tile } from "@rising-bsm/protocol";

const NO_HASH: Hash = new Uint8Array(32);

/**
 * Paths below `log/` of the tiles from which a host computes that each of the `sizes` continues the
 * smaller ones: the computation itself, over hashes that do not matter, says which it needs.
 */
export async function tilesBetween(sizes: readonly number[]): Promise<Set<string>> {
  const paths = new Set<string>();
  const ordered = [...new Set(sizes)].filter((size) => size > 0).toSorted((a, b) => a - b);
  for (const second of ordered) {
    const readTile = async (tile: Tile) => {
      paths.add(tilePath(tile));
      return Array.from({ length: tile.width }, () => NO_HASH);
    };
    for (const first of ordered.filter((size) => size < second)) {
      const read = tileReader(second, readTile, (left) => left);
      await treeRoot(read, first);
      await consistencyProof(read, first, second);
    }
  }
  return paths;
}
