import * as fc from "fast-check";
import { describe, expect, inject, test } from "vitest";
import { z } from "zod";
import { flipBit } from "../fixtures/change-bytes.ts";
import { numberedTree, plainTree } from "../fixtures/plain-tree.ts";
import { fromBase64, fromHex, hex, utf8 } from "./encoding.ts";
import {
  consistencyProof,
  inclusionProof,
  leafHash,
  nodeHash,
  treeRoot,
  verifyConsistency,
  verifyInclusion,
  type Consistency,
  type Hash,
  type HashReader,
  type Inclusion,
} from "./merkle.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** JSON texts by path; empty where the vectors are not beside the project. */
    merkleVectors: Record<string, string>;
  }
}

const LARGEST = Number.MAX_SAFE_INTEGER;

/** Entries and roots that implementations of RFC 6962 have in common. */
const KNOWN_ENTRIES = [
  "",
  "00",
  "10",
  "2021",
  "3031",
  "40414243",
  "5051525354555657",
  "606162636465666768696a6b6c6d6e6f",
];
const KNOWN_ROOTS = [
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

test.each(KNOWN_ROOTS.map((root, size) => [size, root] as const))(
  "the tree of %i known entries has the root %s",
  async (size, root) => {
    const { read } = plainTree((index) => leafHash(fromHex(KNOWN_ENTRIES[index] ?? "")));
    expect(hex(await treeRoot(read, size))).toBe(root);
  },
);

const tree = numberedTree();

async function inclusionOf(index: number, size: number, of: HashReader = tree.read) {
  const proof = await inclusionProof(of, index, size);
  return { leaf: await of(0, index), index, size, root: await treeRoot(of, size), proof };
}

async function consistencyOf(
  first: number,
  second: number,
  of: HashReader = tree.read,
): Promise<Consistency> {
  return {
    first: { size: first, root: await treeRoot(of, first) },
    second: { size: second, root: await treeRoot(of, second) },
    proof: await consistencyProof(of, first, second),
  };
}

test("every proof in every tree of up to 33 leaves verifies", async () => {
  for (let size = 1; size <= 33; size++) {
    expect(await treeRoot(tree.read, size)).toEqual(await tree.root(size));
    for (let at = 0; at < size; at++) {
      expect(await verifyInclusion(await inclusionOf(at, size))).toBe(true);
      expect(await verifyConsistency(await consistencyOf(at + 1, size))).toBe(true);
    }
  }
});

const places = fc
  .integer({ min: 1, max: 600 })
  .chain((size) => fc.record({ size: fc.constant(size), at: fc.nat(size - 1) }));

/** One change of a proof's list of hashes, or null where it would change nothing. */
const listChange = fc.record({
  kind: fc.constantFrom("insert", "repeat", "drop", "swap", "flip", "shorten", "lengthen"),
  at: fc.nat(60),
  bit: fc.nat(255),
});

function changedList(
  hashes: readonly Uint8Array[],
  { kind, at, bit }: { kind: string; at: number; bit: number },
): Uint8Array[] | null {
  const list = [...hashes];
  const place = hashes.length === 0 ? 0 : at % hashes.length;
  const [hash, next] = [list[place], list[place + 1]];
  if (kind === "insert") return list.toSpliced(place, 0, new Uint8Array(32).fill(bit));
  if (hash === undefined) return null;
  if (kind === "repeat") return list.toSpliced(place, 0, hash);
  if (kind === "drop") return list.toSpliced(place, 1);
  if (kind === "flip") return list.with(place, flipBit(hash, bit));
  if (kind === "shorten") return list.with(place, hash.subarray(0, 31));
  if (kind === "lengthen") return list.with(place, Uint8Array.of(...hash, 0));
  return next === undefined ? null : list.with(place, next).with(place + 1, hash);
}

test("an inclusion proof with any one change is refused", async () => {
  await fc.assert(
    fc.asyncProperty(places, listChange, async ({ size, at }, change) => {
      const good = await inclusionOf(at, size);
      expect(await verifyInclusion(good)).toBe(true);
      const other = (at + 1 + change.at) % size;
      const list = changedList(good.proof, change);
      const bad: Inclusion[] = [
        { ...good, leaf: flipBit(good.leaf, change.bit) },
        { ...good, root: flipBit(good.root, change.bit) },
        { ...good, index: other === at ? size : other },
        ...(list === null ? [] : [{ ...good, proof: list }]),
      ];
      for (const one of bad) expect(await verifyInclusion(one)).toBe(false);
    }),
    { numRuns: 400 },
  );
});

test("a consistency proof with any one change is refused", async () => {
  await fc.assert(
    fc.asyncProperty(places, listChange, async ({ size, at }, change) => {
      const good = await consistencyOf(at + 1, size);
      expect(await verifyConsistency(good)).toBe(true);
      const { first, second } = good;
      const list = changedList(good.proof, change);
      const bad: Consistency[] = [
        { ...good, first: { ...first, root: flipBit(first.root, change.bit) } },
        { ...good, second: { ...second, root: flipBit(second.root, change.bit) } },
        { ...good, first: { ...first, size: size + 1 } },
        ...(list === null ? [] : [{ ...good, proof: list }]),
      ];
      for (const one of bad) expect(await verifyConsistency(one)).toBe(false);
    }),
    { numRuns: 400 },
  );
});

test("a tree that was rewritten before the first one's end is not consistent with it", async () => {
  await fc.assert(
    fc.asyncProperty(places, fc.nat(), async ({ size, at }, which) => {
      const rewritten = which % (at + 1);
      const other = plainTree(async (index) =>
        index === rewritten ? leafHash(utf8("rewritten")) : tree.read(0, index),
      );
      const consistency = await consistencyOf(at + 1, size, other.read);
      const first = { size: at + 1, root: await tree.root(at + 1) };
      expect(await verifyConsistency({ ...consistency, first })).toBe(false);
    }),
    { numRuns: 100 },
  );
});

describe("a tree too large to hold, of equal leaves", () => {
  const levels: Hash[] = [];

  const read: HashReader = async (level) => {
    for (let at = levels.length; at <= level; at++) {
      const below = levels.at(-1);
      levels.push(
        below === undefined ? await leafHash(utf8("equal")) : await nodeHash(below, below),
      );
    }
    return levels[level] ?? new Uint8Array();
  };

  const powers = Array.from({ length: 54 }, (_, exponent) => 2 ** exponent);
  const sizes = [...new Set(powers.flatMap((power) => [power - 1, power, power + 1]))].filter(
    (size) => size > 0 && size <= LARGEST,
  );

  test("has proofs that verify around every power of two up to 2^53 - 1", async () => {
    for (const size of sizes) {
      for (const at of [0, Math.floor(size / 3), size - 1]) {
        expect(await verifyInclusion(await inclusionOf(at, size, read)), `${at} of ${size}`).toBe(
          true,
        );
        const consistency = await consistencyOf(at + 1, size, read);
        expect(await verifyConsistency(consistency), `${at + 1} to ${size}`).toBe(true);
      }
    }
  });

  test("tells a power of two from its neighbour where floating point logarithms do not", async () => {
    const { proof } = await consistencyOf(2 ** 50, 2 ** 51, read);
    expect(proof).toHaveLength(1);
    const { proof: next } = await consistencyOf(2 ** 50 + 1, 2 ** 51, read);
    expect(next).toHaveLength(52);
  });
});

test.each([
  ["an index that is the size", { index: 3, size: 3 }],
  ["a negative index", { index: -1 }],
  ["half an index", { index: 0.5 }],
  ["no number", { index: Number.NaN }],
  ["an empty tree", { index: 0, size: 0 }],
  ["a size beyond 2^53", { index: 0, size: 2 ** 53 }],
  ["an infinite size", { size: Infinity }],
  [
    "an empty leaf and root",
    { size: 1, leaf: new Uint8Array(), root: new Uint8Array(), proof: [] },
  ],
  [
    "leaf and root of 31 bytes",
    { size: 1, leaf: new Uint8Array(31), root: new Uint8Array(31), proof: [] },
  ],
])("verifyInclusion() refuses %s", async (_, change) => {
  const good = await inclusionOf(0, 3);
  expect(await verifyInclusion(good)).toBe(true);
  expect(await verifyInclusion({ ...good, ...change })).toBe(false);
});

test.each([
  ["a first tree without leaves", { first: { size: 0, root: new Uint8Array(32) } }],
  ["a negative size", { first: { size: -1, root: new Uint8Array(32) } }],
  ["a size beyond 2^53", { second: { size: 2 ** 53, root: new Uint8Array(32) } }],
  ["half a size", { first: { size: 1.5, root: new Uint8Array(32) } }],
  [
    "equal roots without bytes",
    {
      first: { size: 5, root: new Uint8Array() },
      second: { size: 5, root: new Uint8Array() },
      proof: [],
    },
  ],
  ["no proof at all", { proof: [] }],
])("verifyConsistency() refuses %s", async (_, change) => {
  const good = await consistencyOf(3, 5);
  expect(await verifyConsistency(good)).toBe(true);
  expect(await verifyConsistency({ ...good, ...change })).toBe(false);
});

test("a tree is consistent with itself when the roots are equal and nothing is proven", async () => {
  const good = await consistencyOf(6, 6);
  expect(good.proof).toEqual([]);
  expect(await verifyConsistency(good)).toBe(true);
  expect(await verifyConsistency({ ...good, proof: [good.first.root] })).toBe(false);
  const second = { size: 6, root: await tree.root(5) };
  expect(await verifyConsistency({ ...good, second })).toBe(false);
});

const file = { desc: z.string(), wantErr: z.boolean(), proof: z.array(z.string()).nullable() };
const inclusionFile = z.object({
  ...file,
  leafIdx: z.number(),
  treeSize: z.number(),
  root: z.string().nullable(),
  leafHash: z.string().nullable(),
});
const consistencyFile = z.object({
  ...file,
  size1: z.number(),
  size2: z.number(),
  root1: z.string().nullable(),
  root2: z.string().nullable(),
});

const vectors = Object.entries(inject("merkleVectors"));
if (vectors.length === 0) {
  console.warn("SKIPPED: the Merkle vectors are not at ../shared/vectors/merkle");
}

describe.skipIf(vectors.length === 0)("third-party vectors", () => {
  const bytes = (text: string | null) => fromBase64(text ?? "");
  const list = (texts: readonly string[] | null) => (texts ?? []).map(bytes);
  const below = (folder: string) => vectors.filter(([path]) => path.startsWith(folder));

  test("every inclusion verdict is met", async () => {
    const wrong: string[] = [];
    for (const [path, text] of below("merkle/inclusion/")) {
      const {
        leafIdx,
        treeSize,
        root,
        leafHash: leaf,
        ...rest
      } = inclusionFile.parse(JSON.parse(text));
      const verdict = await verifyInclusion({
        leaf: bytes(leaf),
        index: leafIdx,
        size: treeSize,
        root: bytes(root),
        proof: list(rest.proof),
      });
      if (verdict === rest.wantErr) wrong.push(path);
    }
    expect(below("merkle/inclusion/")).toHaveLength(98);
    expect(wrong).toEqual([]);
  });

  test("every consistency verdict is met, but for equal roots that are no hashes", async () => {
    const wrong: string[] = [];
    for (const [path, text] of below("merkle/consistency/")) {
      const { size1, size2, root1, root2, proof, wantErr } = consistencyFile.parse(
        JSON.parse(text),
      );
      const verdict = await verifyConsistency({
        first: { size: size1, root: bytes(root1) },
        second: { size: size2, root: bytes(root2) },
        proof: list(proof),
      });
      if (verdict === wantErr) wrong.push(path);
    }
    expect(below("merkle/consistency/")).toHaveLength(98);
    expect(wrong).toEqual([
      "merkle/consistency/additional/sizes-are-equal-one-and-proof-is-empty.json",
    ]);
  });
});
