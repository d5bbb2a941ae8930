import * as fc from "fast-check";
import { describe, expect, inject, test } from "vitest";
import { numberedTree, plainTree } from "../fixtures/plain-tree.ts";
import { openCosignedCheckpoint } from "./checkpoint.ts";
import { concatBytes, fromBase64, hex, utf8Decode } from "./encoding.ts";
import { RbsmError } from "./errors.ts";
import { LOG_LIMITS } from "./limits.ts";
import { inclusionProof, treeRoot, verifyInclusion, type Hash, type HashReader } from "./merkle.ts";
import { parseVerifierKey } from "./signed-note.ts";
import {
  decodeEntries,
  decodeTile,
  encodeEntries,
  entriesPath,
  newTiles,
  subtreeRoot,
  tilePath,
  tileReader,
  tileWidth,
  type Tile,
} from "./tlog-tiles.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Base64 of files by path; empty where the vectors are not beside the project. */
    tlogVectors: Record<string, string>;
  }
}

const refused = expect.objectContaining({ name: "RbsmError", code: "trust_log_invalid" });

test.each([
  [{ level: 0, index: 0, width: 256 }, "tile/0/000"],
  [{ level: 0, index: 0, width: 1 }, "tile/0/000.p/1"],
  [{ level: 1, index: 999, width: 255 }, "tile/1/999.p/255"],
  [{ level: 2, index: 1000, width: 256 }, "tile/2/x001/000"],
  [{ level: 3, index: 1234067, width: 44 }, "tile/3/x001/x234/067.p/44"],
  [{ level: 6, index: 5_000_000_000, width: 256 }, "tile/6/x005/x000/x000/000"],
])("the tile %j lies at %s", (tile, path) => {
  expect(tilePath(tile)).toBe(path);
  const entries = path.replace(`tile/${tile.level}/`, "tile/entries/");
  expect(entriesPath(tile.index, tile.width)).toBe(entries);
});

test("a log of 70,000 entries has the tiles that the specification counts", () => {
  const tiles = newTiles(0, 70_000);
  const full = tiles.filter(({ width }) => width === 256);
  expect(full.filter(({ level }) => level === 0)).toHaveLength(273);
  expect(full.filter(({ level }) => level === 1)).toHaveLength(1);
  expect(tiles.filter(({ width }) => width !== 256)).toEqual([
    { level: 0, index: 273, width: 112 },
    { level: 1, index: 1, width: 17 },
    { level: 2, index: 0, width: 1 },
  ]);
  expect(newTiles(0, 256)).toEqual([
    { level: 0, index: 0, width: 256 },
    { level: 1, index: 0, width: 1 },
  ]);
});

test("newTiles() gives those of the longer log that the shorter one has not", () => {
  const sizes = fc.oneof(fc.nat(1_000), fc.integer({ min: 65_000, max: 67_000 }));
  fc.assert(
    fc.property(sizes, sizes, (a, b) => {
      const [before, size] = [Math.min(a, b), Math.max(a, b)];
      const old = new Set(newTiles(0, before).map(tilePath));
      const expected = newTiles(0, size).map(tilePath);
      expect(newTiles(before, size).map(tilePath)).toEqual(expected.filter((at) => !old.has(at)));
    }),
    { numRuns: 50 },
  );
});

/** Reads tiles as a client of a log does: only those that the log of this size has, byte by byte. */
function clientOf(size: number, read: HashReader): { reader: HashReader; fetched: string[] } {
  const served = new Set(newTiles(0, size).map(tilePath));
  const fetched: string[] = [];
  const reader = tileReader(size, async (tile) => {
    expect(served).toContain(tilePath(tile));
    fetched.push(tilePath(tile));
    return decodeTile(await bytesOf(tile, read), tile.width);
  });
  return { reader, fetched };
}

async function bytesOf({ level, index, width }: Tile, read: HashReader): Promise<Uint8Array> {
  const hashes = Array.from({ length: width }, (_, at) => read(level * 8, index * 256 + at));
  return concatBytes(...(await Promise.all(hashes)));
}

describe("what is read from tiles is the tree of the definition", () => {
  test("for every size from 1 to 600", async () => {
    const { root, read } = numberedTree();
    for (let size = 1; size <= 600; size++) {
      expect(await treeRoot(clientOf(size, read).reader, size), `${size}`).toEqual(
        await root(size),
      );
    }
  });

  test("for sizes around 2^16, where a third level begins", async () => {
    // Leaves that are their own number: what counts here is the way up.
    const { root, read } = plainTree((index) => {
      const leaf = new Uint8Array(32);
      new DataView(leaf.buffer).setUint32(0, index);
      return leaf;
    });
    for (const size of [65_535, 65_536, 65_537]) {
      const { reader, fetched } = clientOf(size, read);
      expect(await treeRoot(reader, size), `${size}`).toEqual(await root(size));
      expect(fetched.length).toBeLessThanOrEqual(3);
      const [leaf, proof] = [await read(0, 777), await inclusionProof(reader, 777, size)];
      const inclusion = { leaf, index: 777, size, root: await root(size), proof };
      expect(await verifyInclusion(inclusion)).toBe(true);
    }
  });
});

describe("a tile reader", () => {
  const { read } = numberedTree();

  test("asks for each tile once", async () => {
    const { reader, fetched } = clientOf(300, read);
    await treeRoot(reader, 300);
    await inclusionProof(reader, 299, 300);
    await inclusionProof(reader, 3, 300);
    expect(fetched.toSorted()).toEqual(["tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1"]);
  });

  test.each([
    ["a leaf after the last", 0, 300],
    ["a subtree that is not complete", 4, 18],
    ["a full tile's hash that the log has not", 8, 1],
    ["a level that the log has not", 16, 0],
  ])("refuses %s", async (_, level, index) => {
    await expect(clientOf(300, read).reader(level, index)).rejects.toEqual(refused);
  });

  test("refuses a tile with fewer hashes than its place demands", async () => {
    const reader = tileReader(300, async (tile) => {
      const bytes = await bytesOf(tile, read);
      return decodeTile(bytes, tile.width).slice(0, 16);
    });
    await expect(reader(0, 9)).resolves.toEqual(await read(0, 9));
    await expect(reader(0, 16)).rejects.toEqual(refused);
    await expect(reader(7, 0)).rejects.toEqual(refused);
  });

  test("passes on what fetching the tile throws", async () => {
    const gone = new RbsmError("network_unreachable");
    const reader = tileReader(300, () => Promise.reject(gone));
    await expect(reader(0, 0)).rejects.toBe(gone);
  });
});

test.each([0, 3, 6, 7, 255])("%i hashes have no subtree root", async (count) => {
  const hashes = Array.from({ length: count }, () => new Uint8Array(32));
  await expect(subtreeRoot(hashes)).rejects.toEqual(refused);
});

test.each([0, 1, 31, 33, 63, 65, 96])("%i bytes are no tile of two hashes", (length) => {
  expect(() => decodeTile(new Uint8Array(length), 2)).toThrow(refused);
  expect(decodeTile(new Uint8Array(64).fill(7), 2)).toEqual([
    new Uint8Array(32).fill(7),
    new Uint8Array(32).fill(7),
  ]);
});

test("a log that has not grown to a place has no tile there", () => {
  expect(tileWidth(300, { level: 0, index: 1 })).toBe(44);
  expect(tileWidth(300, { level: 0, index: 2 })).toBe(0);
  expect(tileWidth(300, { level: 2, index: 0 })).toBe(0);
});

describe("entry bundles", () => {
  const entries = fc.array(fc.uint8Array({ maxLength: 600 }), { maxLength: 20 });

  test("give back the entries that were put in", () => {
    fc.assert(
      fc.property(entries, (list) => {
        expect(decodeEntries(encodeEntries(list), list.length)).toEqual(list);
      }),
    );
  });

  test("with any byte missing or added, or counted wrongly, are refused", () => {
    fc.assert(
      fc.property(entries, fc.nat(), (list, cut) => {
        const bytes = encodeEntries(list);
        expect(() => decodeEntries(bytes, list.length + 1)).toThrow(refused);
        expect(() => decodeEntries(concatBytes(bytes, Uint8Array.of(0)), list.length)).toThrow(
          refused,
        );
        if (list.length === 0) return;
        expect(() => decodeEntries(bytes, list.length - 1)).toThrow(refused);
        const part = bytes.subarray(0, cut % bytes.length);
        expect(() => decodeEntries(part, list.length)).toThrow(refused);
      }),
    );
  });

  test("write lengths with the greater byte first", () => {
    const entry = new Uint8Array(258).fill(9);
    expect([...encodeEntries([entry]).subarray(0, 3)]).toEqual([1, 2, 9]);
  });

  test("hold entries of 65,535 bytes and no longer ones", () => {
    const longest = new Uint8Array(LOG_LIMITS.entryBytes);
    expect(decodeEntries(encodeEntries([longest]), 1)).toEqual([longest]);
    expect(() => encodeEntries([new Uint8Array(LOG_LIMITS.entryBytes + 1)])).toThrow(refused);
  });

  test("of a million empty entries cost no more than the entries that are expected", () => {
    expect(() => decodeEntries(new Uint8Array(2_000_000), 256)).toThrow(refused);
  });
});

const vectors = new Map(Object.entries(inject("tlogVectors")));
if (vectors.size === 0) console.warn("SKIPPED: the log vectors are not at ../shared/vectors/tlog");

describe.skipIf(vectors.size === 0)("a third-party log of 300 entries", () => {
  const file = (path: string) => fromBase64(vectors.get(`tlog/${path}`) ?? "");
  const tile = async (at: Tile): Promise<Hash[]> =>
    decodeTile(file(`mirror/${tilePath(at)}`), at.width);

  async function mirrorKey() {
    const { verifier_keys: keys } = JSON.parse(utf8Decode(file("mirror.v0.json")));
    return parseVerifierKey(String(keys[0]));
  }

  test("has the root in its tiles that its mirror cosigned", async () => {
    const key = await mirrorKey();
    expect(key).toMatchObject({ name: "mirror.example.org", role: "cosigner" });
    const checkpoint = await openCosignedCheckpoint(file("mirror/checkpoint"), [key]);
    expect(checkpoint).toMatchObject({
      origin: "rome2026h1.example.org",
      size: 300,
      cosignedBy: ["mirror.example.org"],
    });
    expect(await treeRoot(tileReader(300, tile), 300)).toEqual(checkpoint.root);
  });

  test("has in its tile of level 1 the root of its first tile", async () => {
    const [first] = await tile({ level: 1, index: 0, width: 1 });
    const leaves = await tile({ level: 0, index: 0, width: 256 });
    expect(hex(await subtreeRoot(leaves))).toBe(hex(first ?? new Uint8Array()));
  });

  test("has proofs for its leaves", async () => {
    const read = tileReader(300, tile);
    const root = await treeRoot(read, 300);
    for (let index = 0; index < 300; index += 13) {
      const [leaf, proof] = [await read(0, index), await inclusionProof(read, index, 300)];
      expect(await verifyInclusion({ leaf, index, size: 300, root, proof })).toBe(true);
    }
  });

  test("with another byte in its checkpoint is not cosigned", async () => {
    const [key, note] = [await mirrorKey(), file("mirror/checkpoint")];
    for (let at = 0; at < note.length; at++) {
      const changed = note.with(at, (note[at] ?? 0) ^ 1);
      await expect(openCosignedCheckpoint(changed, [key]), `byte ${at}`).rejects.toEqual(refused);
    }
  });
});
