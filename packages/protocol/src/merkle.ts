import { concatBytes, equalBytes, sha256 } from "./encoding.ts";

/**
 * The Merkle tree of RFC 6962 §2.1 (RFC 9162 §2.1): hashes, proofs and their verification. Hashes are 32
 * bytes; an index is a leaf's place from 0; a size is a number of leaves, at most 2^53 − 1.
 */
export type Hash = Uint8Array<ArrayBuffer>;

/** Hash of the complete subtree of 2^`level` leaves that starts at leaf `index` · 2^`level`. */
export type HashReader = (level: number, index: number) => Promise<Hash>;

/** Hash of a leaf: SHA-256 over a zero byte and the entry. */
export function leafHash(entry: Uint8Array): Promise<Hash> {
  return sha256(concatBytes(Uint8Array.of(0), entry));
}

/** Hash of a node: SHA-256 over a one byte and both children. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Promise<Hash> {
  return sha256(concatBytes(Uint8Array.of(1), left, right));
}

/** The greatest power of two below `count`, which is at least 2. */
function split(count: number): number {
  let half = 1;
  while (half * 2 < count) half *= 2;
  return half;
}

/** Root of the leaves from `start` up to `end`, of which there is at least one. */
async function rangeHash(read: HashReader, start: number, end: number): Promise<Hash> {
  const level = Math.log2(end - start);
  if (Number.isInteger(level) && start % (end - start) === 0) {
    return read(level, start / (end - start));
  }
  const middle = start + split(end - start);
  return nodeHash(await rangeHash(read, start, middle), await rangeHash(read, middle, end));
}

/** Root of the tree's first `size` leaves; the root of none is the hash of nothing. */
export function treeRoot(read: HashReader, size: number): Promise<Hash> {
  return size === 0 ? sha256(new Uint8Array()) : rangeHash(read, 0, size);
}

/** Proof that the leaf at `index` is in the tree of `size` leaves (RFC 6962 §2.1.1). */
export async function inclusionProof(
  read: HashReader,
  index: number,
  size: number,
): Promise<Hash[]> {
  const siblings: Hash[] = [];
  let [start, end] = [0, size];
  while (end - start > 1) {
    const middle = start + split(end - start);
    if (index < middle) {
      siblings.push(await rangeHash(read, middle, end));
      end = middle;
    } else {
      siblings.push(await rangeHash(read, start, middle));
      start = middle;
    }
  }
  return siblings.toReversed();
}

/** Proof that the tree of `size` leaves continues the one of `first`, 0 < `first` ≤ `size` (RFC 6962 §2.1.2). */
export async function consistencyProof(
  read: HashReader,
  first: number,
  size: number,
): Promise<Hash[]> {
  const hashes: Hash[] = [];
  let [start, end] = [0, size];
  while (first !== end) {
    const middle = start + split(end - start);
    if (first <= middle) {
      hashes.push(await rangeHash(read, middle, end));
      end = middle;
    } else {
      hashes.push(await rangeHash(read, start, middle));
      start = middle;
    }
  }
  // The old tree's own root is known to whoever verifies, unless it begins inside the new tree.
  if (start > 0) hashes.push(await rangeHash(read, start, end));
  return hashes.toReversed();
}

/** A leaf, its place, and the tree that it is said to be in. */
export interface Inclusion {
  readonly leaf: Uint8Array;
  readonly index: number;
  readonly size: number;
  readonly root: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/** Whether the proof leads from the leaf to the root (RFC 9162 §2.1.3.2). Never throws. */
export async function verifyInclusion({
  leaf,
  index,
  size,
  root,
  proof,
}: Inclusion): Promise<boolean> {
  if (!isIndex(index) || !isIndex(size) || index >= size || leaf.length !== 32) return false;
  let [node, last] = [index, size - 1];
  let hash = leaf;
  for (const sibling of proof) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      hash = await nodeHash(sibling, hash);
      [node, last] = climb(node, last);
    } else hash = await nodeHash(hash, sibling);
    [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
  }
  return last === 0 && equalBytes(hash, root);
}

/** Two trees of which the second is said to continue the first. */
export interface Consistency {
  readonly first: { readonly size: number; readonly root: Uint8Array };
  readonly second: { readonly size: number; readonly root: Uint8Array };
  readonly proof: readonly Uint8Array[];
}

/** Whether the proof shows that `second` continues `first` (RFC 9162 §2.1.4.2). Never throws. */
export async function verifyConsistency({ first, second, proof }: Consistency): Promise<boolean> {
  const isOrdered = isIndex(second.size) && isIndex(first.size) && first.size <= second.size;
  if (!isOrdered || first.size === 0) return false;
  if (first.size === second.size) return proof.length === 0 && equalBytes(first.root, second.root);
  const isComplete = Number.isInteger(Math.log2(first.size));
  const [seed, ...rest] = isComplete ? [first.root, ...proof] : proof;
  if (seed === undefined) return false;
  let [node, last] = climb(first.size - 1, second.size - 1, true);
  let [oldRoot, newRoot] = [seed, seed];
  for (const sibling of rest) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      oldRoot = await nodeHash(sibling, oldRoot);
      newRoot = await nodeHash(sibling, newRoot);
      [node, last] = climb(node, last);
    } else newRoot = await nodeHash(newRoot, sibling);
    [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
  }
  return last === 0 && equalBytes(oldRoot, first.root) && equalBytes(newRoot, second.root);
}

/** Up to the next ancestor that is a right child (or, with `odd`, past all of them), or to the root. */
function climb(node: number, last: number, odd = false): [number, number] {
  while (odd ? node % 2 === 1 : node % 2 === 0 && node !== 0) {
    node = Math.floor(node / 2);
    last = Math.floor(last / 2);
  }
  return [node, last];
}

function isIndex(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
