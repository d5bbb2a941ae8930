import {
  consistencyProof,
  leafHash,
  subtreeRoot,
  tilePath,
  tileReader,
  treeRoot,
  utf8,
  verifyConsistency,
} from "@rising-bsm/protocol";
import type { Hash, Tile } from "@rising-bsm/protocol";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { tilesBetween } from "./log-tiles.ts";

const LEAVES = 600;
const leaves = await Promise.all(
  Array.from({ length: LEAVES }, (_, at) => leafHash(utf8(`entry ${at}`))),
);
const fullTiles = await Promise.all(
  [0, 256].map((start) => subtreeRoot(leaves.slice(start, start + 256))),
);

function hashesOf({ level, index, width }: Tile): Hash[] {
  const all = [leaves, fullTiles][level] ?? [];
  return all.slice(index * 256, index * 256 + width);
}

/** A reader that has the tiles at these paths and no others; without paths it has all. */
function readerOf(size: number, paths?: ReadonlySet<string>) {
  return tileReader(size, async (tile) => {
    if (paths?.has(tilePath(tile)) === false) throw new Error(`${tilePath(tile)} is missing`);
    return hashesOf(tile);
  });
}

test("with the named tiles each of the sizes is shown to continue the smaller ones", async () => {
  const size = fc.oneof(
    fc.integer({ min: 1, max: LEAVES }),
    fc.constantFrom(1, 255, 256, 257, 511, 512, 513),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(size, { minLength: 1, maxLength: 4 }), async (sizes) => {
      const paths = await tilesBetween(sizes);
      for (const [second, first] of sizes.flatMap((a) => sizes.map((b) => [a, b] as const))) {
        if (first >= second) continue;
        const read = readerOf(second, paths);
        const consistency = {
          first: { size: first, root: await treeRoot(read, first) },
          second: { size: second, root: await treeRoot(readerOf(second), second) },
          proof: await consistencyProof(read, first, second),
        };
        expect(await verifyConsistency(consistency)).toBe(true);
      }
    }),
    { numRuns: 12 },
  );
});

test("a single size, and nothing seen, need no tiles", async () => {
  expect(await tilesBetween([0, 300, 300])).toEqual(new Set());
});
