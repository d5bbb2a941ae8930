import { concatBytes, equalBytes, sha256 } from "./encoding.ts";

/**
 * The Merkle tree of RFC 6962 §2.1 (RFC 9162 §2.1): hashes, proofs and their verification. Hashes are 32
 * bytes; an index is a leaf's place from 0; a size is a number of leaves, at most 2^53 − 1.
 */
export type Hash = Uint8Array<ArrayBuffer>;

/** Bytes of a hash. */
export const HASH_BYTES = 32;

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

/** How often one has to be doubled to give `count`, null unless that works out. `Math.log2` rounds. */
function powerOfTwo(count: number): number | null {
  let level = 0;
  while (2 ** level < count) level++;
  return 2 ** level === count ? level : null;
}

/** Root of the leaves from `start` up to `end`, of which there is at least one. */
async function rangeHash(read: HashReader, start: number, end: number): Promise<Hash> {
  const level = powerOfTwo(end - start);
  if (level !== null && start % (end - start) === 0) return read(level, start / (end - start));
  const middle = start + split(end - start);
  return nodeHash(await rangeHash(read, start, middle), await rangeHash(read, middle, end));
}

/** Root of the tree's first `size` leaves; the root of none is the hash of nothing. */
export function treeRoot(read: HashReader, size: number): Promise<Hash> {
  return size === 0 ? sha256(new Uint8Array()) : rangeHash(read, 0, size);
}

/** Proof that the leaf at `index` < `size` is in the tree of `size` leaves (RFC 6962 §2.1.1). */
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
export async function verifyInclusion(inclusion: Inclusion): Promise<boolean> {
  const { leaf, index, size, root, proof } = inclusion;
  if (!areSizes(index + 1, size) || ![leaf, root, ...proof].every(isHash)) return false;
  const { inner, border } = waysUp(index, size);
  if (proof.length !== inner + border) return false;
  const below = await climb(leaf, proof.slice(0, inner), index);
  return equalBytes(await joinLeft(below, proof.slice(inner)), root);
}

/** Two trees of which the second is said to continue the first. */
export interface Consistency {
  readonly first: { readonly size: number; readonly root: Uint8Array };
  readonly second: { readonly size: number; readonly root: Uint8Array };
  readonly proof: readonly Uint8Array[];
}

/**
 * Whether the proof shows that `second` continues `first` (RFC 9162 §2.1.4.2); never for a first tree
 * without leaves, which has no proof. Never throws.
 */
export async function verifyConsistency({ first, second, proof }: Consistency): Promise<boolean> {
  const areHashes = [first.root, second.root, ...proof].every(isHash);
  if (!areSizes(first.size, second.size) || !areHashes) return false;
  if (first.size === second.size) return proof.length === 0 && equalBytes(first.root, second.root);
  // The last complete subtree of the first tree is where the ways to both roots begin; when it is the
  // whole first tree, its root is not sent.
  const level = trailingZeros(first.size);
  const [seed, ...rest] = 2 ** level === first.size ? [first.root, ...proof] : proof;
  const { inner, border } = waysUp(first.size - 1, second.size);
  if (seed === undefined || rest.length !== inner - level + border) return false;
  const node = first.size / 2 ** level - 1;
  const [below, above] = [rest.slice(0, inner - level), rest.slice(inner - level)];
  const ofFirst = below.filter((_, at) => isRightChild(node, at));
  const firstRoot = await joinLeft(await joinLeft(seed, ofFirst), above);
  const secondRoot = await joinLeft(await climb(seed, below, node), above);
  return equalBytes(firstRoot, first.root) && equalBytes(secondRoot, second.root);
}

/**
 * Levels on the way up from a leaf: `inner` up to where it meets the way from the tree's last leaf, each
 * with a sibling; above it `border` of them, those where the sibling is on the left.
 */
function waysUp(index: number, size: number): { inner: number; border: number } {
  let [node, last, inner] = [index, size - 1, 0];
  for (; node !== last; inner++) [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
  let border = 0;
  for (; node > 0; node = Math.floor(node / 2)) border += node % 2;
  return { inner, border };
}

/** Whether the ancestor of the node, so many levels up, is the right one of two. */
function isRightChild(node: number, levels: number): boolean {
  return Math.floor(node / 2 ** levels) % 2 === 1;
}

/** Hash of the ancestor that is reached with one sibling a level. */
async function climb(hash: Uint8Array, siblings: readonly Uint8Array[], node: number) {
  let top = hash;
  for (const [level, sibling] of siblings.entries()) {
    const pair = isRightChild(node, level) ? ([sibling, top] as const) : ([top, sibling] as const);
    top = await nodeHash(...pair);
  }
  return top;
}

/** Hash of the ancestor that is reached with these siblings, each on the left. */
async function joinLeft(hash: Uint8Array, siblings: readonly Uint8Array[]) {
  let top = hash;
  for (const sibling of siblings) top = await nodeHash(sibling, top);
  return top;
}

function trailingZeros(count: number): number {
  let zeros = 0;
  while (count % 2 ** (zeros + 1) === 0) zeros++;
  return zeros;
}

function areSizes(first: number, second: number): boolean {
  const areExact = Number.isSafeInteger(first) && Number.isSafeInteger(second);
  return areExact && first > 0 && first <= second;
}

function isHash(bytes: Uint8Array): boolean {
  return bytes.length === HASH_BYTES;
}
