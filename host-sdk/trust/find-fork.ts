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

/** Tiles that are read to compare two histories; a log of 2^53 entries has 7 levels of tiles. */
const MAX_TILES = 32;

/**
 * Null when `second` continues `first`, otherwise the proof that it does not. Tiles are read from the
 * marketplace and not believed: they have to lead to the root of `second`, or it is
 * `trust_log_invalid`, which accuses nobody.
 */
export async function findFork(
  marketplace: Pick<Marketplace, "getBytes">,
  first: Head,
  second: Head,
): Promise<ForkProof | null> {
  if (first.size === second.size) {
    const isSame = equalBytes(first.root, second.root);
    return isSame ? null : { prefixRoot: second.root, proof: [] };
  }
  if (first.size === 0) return null;
  const read = tileReader(second.size, tilesOf(marketplace), hashPair);
  const prefixRoot = await treeRoot(read, first.size);
  const proof = await consistencyProof(read, first.size, second.size);
  const prefix = { size: first.size, root: prefixRoot };
  if (!(await verifyConsistency({ first: prefix, second, proof }))) {
    throw new RbsmError(
      "trust_log_invalid",
      `The tiles of the log do not lead to its checkpoint of ${second.size} entries`,
      { fix: "Try again later, or use another mirror." },
    );
  }
  return equalBytes(prefixRoot, first.root) ? null : { prefixRoot, proof };
}

/** A tile has hundreds of pairs, and for so few bytes each WebCrypto takes ten times as long. */
function hashPair(left: Hash, right: Hash): Hash {
  return new Uint8Array(hash("sha256", concatBytes(Uint8Array.of(1), left, right), "buffer"));
}

function tilesOf(marketplace: Pick<Marketplace, "getBytes">): (tile: Tile) => Promise<Hash[]> {
  let asked = 0;
  const get = (tile: Tile) => {
    if ((asked += 1) > MAX_TILES) throw new RbsmError("trust_log_invalid", "Too many tiles");
    return marketplace.getBytes(`/log/${tilePath(tile)}`, LOG_LIMITS.tileBytes);
  };
  return async (tile) => {
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
}
