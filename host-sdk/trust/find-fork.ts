import { hash } from "node:crypto";
import {
  type Checkpoint,
  concatBytes,
  consistencyProof,
  decodeTile,
  equalBytes,
  type Hash,
  LOG_LIMITS,
  RbsmError,
  type Tile,
  tilePath,
  TILE_WIDTH,
  tileReader,
  treeRoot,
  verifyConsistency,
} from "@rising-bsm/protocol";
import type { Marketplace } from "../client/marketplace.ts";

/** Size and root of a history. */
export type Head = Pick<Checkpoint, "size" | "root">;

/** What shows that the longer of two histories does not begin with the shorter one. */
export interface ForkProof {
  /** Root of the longer history's first entries, as many as the shorter one has. */
  readonly prefixRoot: Uint8Array;
  /** Leads from `prefixRoot` to the longer history's root; empty when both are equally long. */
  readonly proof: readonly Hash[];
}

/** Tiles that led to a signed root, by path; one client's, so that several proofs read each once. */
export type ProvenTiles = Map<string, readonly Hash[]>;

/** How many tiles a client keeps, at up to 8 KiB each. */
const KEPT_TILES = 64;

/** Tiles that are read to compare two histories; a log of 2^53 entries has 7 levels of tiles. */
const MAX_TILES = 32;

/**
 * Null when `second` continues `first`, otherwise the proof that it does not. Tiles are read from the
 * marketplace and not believed: they have to lead to the root of `second`, or it is
 * `trust_log_invalid`, which accuses nobody.
 */
export async function findFork(
  { marketplace, tiles }: TileSource,
  first: Head,
  second: Head,
): Promise<ForkProof | null> {
  if (first.size === second.size) {
    const isSame = equalBytes(first.root, second.root);
    return isSame ? null : { prefixRoot: second.root, proof: [] };
  }
  if (first.size === 0) return null;
  const used = new Map<string, readonly Hash[]>();
  const read = tileReader(second.size, tilesOf({ marketplace, tiles }, used), hashPair);
  const prefixRoot = await treeRoot(read, first.size);
  const proof = await consistencyProof(read, first.size, second.size);
  const prefix = { size: first.size, root: prefixRoot };
  if (!(await verifyConsistency({ first: prefix, second, proof }))) {
    // Only what a proof needs of a tile was proved by it: the next attempt reads all of them anew.
    tiles.clear();
    throw new RbsmError(
      "trust_log_invalid",
      `The tiles of the log do not lead to its checkpoint of ${second.size} entries`,
      { fix: "Try again later, or use another mirror." },
    );
  }
  if (tiles.size + used.size > KEPT_TILES) tiles.clear();
  for (const [path, hashes] of used) tiles.set(path, hashes);
  return equalBytes(prefixRoot, first.root) ? null : { prefixRoot, proof };
}

/** Where tiles are read, and those of the same log that are at hand. */
export interface TileSource {
  readonly marketplace: Pick<Marketplace, "getBytes">;
  readonly tiles: ProvenTiles;
}

/** A tile has hundreds of pairs, and for so few bytes each WebCrypto takes ten times as long. */
function hashPair(left: Hash, right: Hash): Hash {
  return new Uint8Array(hash("sha256", concatBytes(Uint8Array.of(1), left, right), "buffer"));
}

function tilesOf({ marketplace, tiles }: TileSource, used: ProvenTiles) {
  let asked = 0;
  const get = (tile: Tile) => {
    if ((asked += 1) > MAX_TILES) throw new RbsmError("trust_log_invalid", "Too many tiles");
    return marketplace.getBytes(`/log/${tilePath(tile)}`, LOG_LIMITS.tileBytes);
  };
  const fetchTile = async (tile: Tile): Promise<Hash[]> => {
    try {
      return decodeTile(await get(tile), tile.width);
    } catch (error) {
      const isGone = error instanceof RbsmError && error.code === "not_found";
      if (!isGone || tile.width === TILE_WIDTH) throw error;
      // A mirror may keep a tile only as it was when it was full.
      const full = { ...tile, width: TILE_WIDTH };
      return decodeTile(await get(full), TILE_WIDTH).slice(0, tile.width);
    }
  };
  return async (tile: Tile): Promise<readonly Hash[]> => {
    const path = tilePath(tile);
    const hashes = tiles.get(path) ?? (await fetchTile(tile));
    used.set(path, hashes);
    return hashes;
  };
}
