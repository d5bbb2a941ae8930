import { type Hash, leafHash, nodeHash, treeRoot, utf8 } from "@rising-bsm/protocol";
import { expect, test } from "vitest";
import { createTreeBuilder, tileRoot } from "./tree-builder.ts";

const leaves = await Promise.all(Array.from({ length: 600 }, (_, at) => leafHash(utf8(`${at}`))));

async function read(level: number, index: number): Promise<Hash> {
  const leaf = leaves[index];
  if (level === 0 && leaf !== undefined) return leaf;
  return nodeHash(await read(level - 1, index * 2), await read(level - 1, index * 2 + 1));
}

test("a tree grown leaf by leaf has the root of RFC 6962", async () => {
  const tree = await createTreeBuilder(0, read);
  for (let size = 0; size <= 600; size++) {
    expect(tree.size()).toBe(size);
    const isTold = size <= 40 || [255, 256, 257, 511, 512, 513, 600].includes(size);
    if (isTold) expect(await tree.root(), `${size}`).toEqual(await treeRoot(read, size));
    const leaf = leaves[size];
    if (leaf !== undefined) await tree.append(leaf);
  }
});

test.each([1, 2, 3, 255, 256, 257, 511, 512, 599])(
  "a tree that starts with %i leaves goes on as if it had grown",
  async (size) => {
    const tree = await createTreeBuilder(size, read);
    for (const leaf of leaves.slice(size)) await tree.append(leaf);
    expect(await tree.root()).toEqual(await treeRoot(read, 600));
  },
);

test("a tile of leaves at once is the same as each of them", async () => {
  const tree = await createTreeBuilder(0, read);
  const root = await tileRoot(leaves.slice(0, 256));
  expect(await tree.append(root, 8)).toEqual([{ level: 1, index: 0, hash: await read(8, 0) }]);
  for (const leaf of leaves.slice(256)) await tree.append(leaf);
  expect(tree.size()).toBe(600);
  expect(await tree.root()).toEqual(await treeRoot(read, 600));
});

test("each leaf is a hash of the lowest tiles, each 256th of the next ones too", async () => {
  const tree = await createTreeBuilder(0, read);
  const upper = [];
  for (const [index, leaf] of leaves.entries()) {
    const [own, ...above] = await tree.append(leaf);
    expect(own).toEqual({ level: 0, index, hash: leaf });
    upper.push(...above);
  }
  const hashes = [await read(8, 0), await read(8, 1)];
  expect(upper).toEqual(hashes.map((hash, index) => ({ level: 1, index, hash })));
});
