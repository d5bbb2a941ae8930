import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { flipBit } from "../fixtures/change-bytes.ts";
import { plainTree } from "../fixtures/plain-tree.ts";
import { openCheckpoint, signCheckpoint } from "./checkpoint.ts";
import { base64, utf8 } from "./encoding.ts";
import { signingKeyFromSeed } from "./keys.ts";
import { LOG_LIMITS } from "./limits.ts";
import { inclusionProof, leafHash } from "./merkle.ts";
import type { NoteKey } from "./signed-note.ts";
import { formatTlogProof, openTlogProof, parseTlogProof } from "./tlog-proof.ts";

const refused = expect.objectContaining({ name: "RbsmError", code: "trust_log_invalid" });

const key = await signingKeyFromSeed(new Uint8Array(32).fill(1));
const origin = "log.example/plugins";
const log: NoteKey = { name: origin, publicKey: key.publicKey };

const entryAt = (index: number) => utf8(`entry ${index}`);
const tree = plainTree((index) => leafHash(entryAt(index)));

async function proofOf(index: number, size: number): Promise<string> {
  const hashes = await inclusionProof(tree.read, index, size);
  const checkpoint = await signCheckpoint({ origin, size, root: await tree.root(size) }, key);
  return formatTlogProof({ index, hashes, checkpoint });
}

const proof = await proofOf(5, 11);

test("a proof has the form of c2sp.org/tlog-proof@v1", async () => {
  const lines = proof.split("\n");
  expect(lines.slice(0, 2)).toEqual(["c2sp.org/tlog-proof@v1", "index 5"]);
  expect(lines.slice(2, 6).every((line) => /^[A-Za-z0-9+/]{43}=$/.test(line))).toBe(true);
  expect(lines.slice(6, 9)).toEqual(["", origin, "11"]);
  expect(formatTlogProof(parseTlogProof(proof))).toBe(proof);
  const only = await proofOf(0, 1);
  expect(only).toMatch(/^c2sp.org\/tlog-proof@v1\nindex 0\n\nlog.example/);
  expect(formatTlogProof(parseTlogProof(only))).toBe(only);
});

test("every proof opens for its entry and for no other", async () => {
  const places = fc
    .integer({ min: 1, max: 300 })
    .chain((size) => fc.tuple(fc.nat(size - 1), fc.constant(size)));
  await fc.assert(
    fc.asyncProperty(places, async ([index, size]) => {
      const text = await proofOf(index, size);
      const opened = await openTlogProof(text, entryAt(index), [log]);
      expect(opened.index).toBe(index);
      expect(opened.checkpoint).toEqual(await openCheckpoint(opened.checkpoint.note, [log]));
      expect(opened.checkpoint.size).toBe(size);
      await expect(openTlogProof(text, entryAt(index + 1), [log])).rejects.toEqual(refused);
      await expect(openTlogProof(text, entryAt(index), [])).rejects.toEqual(refused);
    }),
    { numRuns: 60 },
  );
});

test("extra data is passed over", async () => {
  const extra = proof.replace("index", `extra ${base64(utf8("anything"))}\nindex`);
  expect(parseTlogProof(extra)).toEqual(parseTlogProof(proof));
  await expect(openTlogProof(extra, entryAt(5), [log])).resolves.toMatchObject({ index: 5 });
});

const HASH = `${"A".repeat(43)}=`;
const head = (...lines: string[]) =>
  ["c2sp.org/tlog-proof@v1", ...lines, "", `${origin}\n1\n${HASH}\n\n— a ${HASH}\n`].join("\n");

test.each([
  ["nothing", ""],
  ["another version", head("index 0").replace("@v1", "@v2")],
  ["another case", head("index 0").replace("c2sp", "C2SP")],
  ["a byte order mark", `\ufeff${head("index 0")}`],
  ["a space after the version", head("index 0").replace("@v1", "@v1 ")],
  ["carriage returns", head("index 0").replaceAll("\n", "\r\n")],
  ["no index", head()],
  ["a hash in place of the index", head(HASH)],
  ["an index that is empty", head("index ")],
  ["an index with a leading zero", head("index 05")],
  ["an index with a sign", head("index -1")],
  ["an index with a fraction", head("index 1.0")],
  ["an index in hexadecimal", head("index 0x1")],
  ["an index of 2^53", head("index 9007199254740992")],
  ["two indices", head("index 0", "index 0")],
  ["extra data after the index", head("index 0", "extra AAAA")],
  ["extra data twice", head("extra AAAA", "extra AAAA", "index 0")],
  ["extra data that is empty", head("extra ", "index 0")],
  ["extra data that is not base64", head("extra AAA", "index 0")],
  ["extra data with unused bits", head("extra AAAB".replace("AB", "B="), "index 0")],
  ["a hash of 31 bytes", head("index 0", base64(new Uint8Array(31)))],
  ["a hash of 33 bytes", head("index 0", base64(new Uint8Array(33)))],
  ["a hash with unused bits", head("index 0", `${"A".repeat(42)}B=`)],
  ["a hash in base64url", head("index 0", `${"_".repeat(43)}=`)],
  ["a hash in hexadecimal", head("index 0", "00".repeat(32))],
  ["a hash with a space", head("index 0", `${HASH} `)],
  ["54 hashes", head("index 0", ...Array.from({ length: 54 }, () => HASH))],
  ["no empty line", head("index 0").replaceAll("\n\n", "\n")],
])("a text with %s is no proof", (_, text) => {
  expect(() => parseTlogProof(text)).toThrow(refused);
});

test("what the table bends parses as it stands, up to 53 hashes and to the limit", () => {
  const hashes = Array.from({ length: 53 }, () => HASH);
  expect(parseTlogProof(head("extra AAAA", "index 0", ...hashes)).hashes).toHaveLength(53);
  const room = LOG_LIMITS.proofBytes - utf8(head("index 0")).length;
  expect(() => parseTlogProof(head("index 0") + "ä".repeat(room / 2))).not.toThrow();
  expect(() => parseTlogProof(`${head("index 0")}${"ä".repeat(room / 2)}xx`)).toThrow(refused);
});

describe("a proof is refused", () => {
  const parts = parseTlogProof(proof);
  const opens = (change: object) =>
    openTlogProof(formatTlogProof({ ...parts, ...change }), entryAt(5), [log]);

  test("with another index, another hash, one too few or too many", async () => {
    await expect(opens({})).resolves.toMatchObject({ index: 5 });
    const { hashes } = parts;
    for (const index of [0, 4, 6, 10, 11, 2 ** 40]) {
      await expect(opens({ index }), `${index}`).rejects.toEqual(refused);
    }
    for (const [at, hash] of hashes.entries()) {
      await expect(opens({ hashes: hashes.with(at, flipBit(hash, 8 * at)) })).rejects.toEqual(
        refused,
      );
      await expect(opens({ hashes: hashes.toSpliced(at, 1) })).rejects.toEqual(refused);
      await expect(opens({ hashes: hashes.toSpliced(at, 0, hash) })).rejects.toEqual(refused);
    }
  });

  test("with the checkpoint of another tree, or of another log", async () => {
    const root = await tree.root(12);
    const larger = await signCheckpoint({ origin, size: 12, root }, key);
    await expect(opens({ checkpoint: larger })).rejects.toEqual(refused);
    const elsewhere = await signCheckpoint(
      { origin: "other.example", size: 11, root: await tree.root(11) },
      key,
    );
    await expect(opens({ checkpoint: elsewhere })).rejects.toEqual(refused);
  });

  test("for a node of the tree in the place of an entry", async () => {
    const [left, right] = [await tree.read(0, 0), await tree.read(0, 1)];
    const node = formatTlogProof({
      index: 0,
      hashes: [await tree.read(1, 1)],
      checkpoint: await signCheckpoint({ origin, size: 2, root: await tree.root(4) }, key),
    });
    await expect(openTlogProof(node, Uint8Array.of(...left, ...right), [log])).rejects.toEqual(
      refused,
    );
  });
});

test("whatever text comes, a proof is read or refused", async () => {
  const nearlyProof = fc
    .tuple(fc.nat(proof.length), fc.nat(10), fc.string({ maxLength: 5, unit: "binary" }))
    .map(([at, gone, added]) => proof.slice(0, at) + added + proof.slice(at + gone));
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.string({ unit: "binary" }), nearlyProof), async (text) => {
      const opened = openTlogProof(text, entryAt(5), [log]);
      const index = await opened.then(
        (one) => one.index,
        (error: unknown) => error,
      );
      expect([5, refused]).toContainEqual(index);
    }),
    { numRuns: 500 },
  );
});
