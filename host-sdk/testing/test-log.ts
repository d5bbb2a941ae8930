/**
 * A transparency log in memory, signed and laid out as the marketplace's, for tests of what a host
 * accepts. It tells a second history when a test asks for one.
 */
import {
  concatBytes,
  consistencyProof,
  encodeEntries,
  entriesPath,
  formatTlogProof,
  type Hash,
  type HashReader,
  inclusionProof,
  leafHash,
  newTiles,
  nodeHash,
  signCheckpoint,
  type SigningKey,
  tilePath,
  TILE_WIDTH,
  treeRoot,
  utf8,
} from "@rising-bsm/protocol";

/** A log that a test writes. */
export interface TestLog {
  readonly origin: string;
  readonly key: SigningKey;
  readonly size: () => number;
  /** Adds an entry; its index. */
  append(entry: Uint8Array): Promise<number>;
  /** The signed note of the log's first `size` entries; of all when left out. */
  checkpoint(size?: number): Promise<string>;
  /** Proof that the entry at `index` is among the first `size`; among all when left out. */
  proof(index: number, size?: number): Promise<string>;
  /** Proof that the whole log continues its first `first` entries. */
  consistency(first: number): Promise<Hash[]>;
  /** Everything below `/log/` as it is now, by URL path. */
  files(): Promise<Map<string, Uint8Array<ArrayBuffer>>>;
  /** Another history, signed with the same key: as long as this one, and different from entry `at` on. */
  fork(at?: number): Promise<TestLog>;
}

/** An empty log, or one of these entries. */
export async function createTestLog(
  origin: string,
  key: SigningKey,
  entries: readonly Uint8Array[] = [],
): Promise<TestLog> {
  const written = [...entries];
  const leaves = await Promise.all(written.map(leafHash));
  const read = readerOf(leaves);
  const checkpoint = async (size = leaves.length) =>
    signCheckpoint({ origin, size, root: await treeRoot(read, size) }, key);
  return {
    origin,
    key,
    size: () => leaves.length,
    async append(entry) {
      const leaf = await leafHash(entry);
      written.push(entry);
      return leaves.push(leaf) - 1;
    },
    checkpoint,
    proof: async (index, size = leaves.length) =>
      formatTlogProof({
        index,
        hashes: await inclusionProof(read, index, size),
        checkpoint: await checkpoint(size),
      }),
    consistency: (first) => consistencyProof(read, first, leaves.length),
    async files() {
      const files = await filesOf(read, written);
      return files.set("/log/checkpoint", utf8(await checkpoint()));
    },
    fork: (at = 0) =>
      createTestLog(
        origin,
        key,
        written.map((entry, index) => (index < at ? entry : utf8(`forked ${index}`))),
      ),
  };
}

/** Every node computed from the leaves: slow, and independent of how tiles are cut. */
function readerOf(leaves: readonly Hash[]): HashReader {
  const read: HashReader = async (level, index) => {
    if (level > 0)
      return nodeHash(await read(level - 1, index * 2), await read(level - 1, index * 2 + 1));
    const leaf = leaves[index];
    if (leaf === undefined) throw new RangeError(`The log has no entry ${index}`);
    return leaf;
  };
  return read;
}

async function filesOf(
  read: HashReader,
  entries: readonly Uint8Array[],
): Promise<Map<string, Uint8Array<ArrayBuffer>>> {
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const tile of newTiles(0, entries.length)) {
    const { level, index, width } = tile;
    const first = index * TILE_WIDTH;
    const places = Array.from({ length: width }, (_, at) => first + at);
    const hashes = await Promise.all(places.map((place) => read(level * 8, place)));
    files.set(`/log/${tilePath(tile)}`, concatBytes(...hashes));
    if (level > 0) continue;
    const bundle = encodeEntries(entries.slice(first, first + width));
    files.set(`/log/${entriesPath(index, width)}`, bundle);
  }
  return files;
}
