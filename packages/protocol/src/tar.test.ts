import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { concatBytes, utf8 } from "./encoding.ts";
import { OFFLINE_LIMITS } from "./limits.ts";
import { readTar, TAR_END, tarHeader, tarPadding } from "./tar.ts";

const REFUSED = expect.objectContaining({ name: "RbsmError", code: "license_file_invalid" });

type Files = readonly (readonly [path: string, content: Uint8Array])[];

function fileOf(path: string, content: Uint8Array): Uint8Array<ArrayBuffer> {
  const { length: size } = content;
  return concatBytes(tarHeader({ path, size }), content, tarPadding(size));
}

function archiveOf(files: Files): Uint8Array<ArrayBuffer> {
  return concatBytes(...files.map(([path, content]) => fileOf(path, content)), TAR_END);
}

async function* inPieces(bytes: Uint8Array, length = 700): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}

async function read(archive: AsyncIterable<Uint8Array>): Promise<[string, string][]> {
  const files: [string, string][] = [];
  for await (const { path, size, chunks } of readTar(archive)) {
    const parts: Uint8Array[] = [];
    for await (const chunk of chunks) parts.push(chunk);
    const content = concatBytes(...parts);
    expect(content.length).toBe(size);
    files.push([path, new TextDecoder().decode(content)]);
  }
  return files;
}

/** An archive of one file whose header was changed, with the checksum made right again. */
function withHeader(change: (header: Uint8Array) => void): AsyncGenerator<Uint8Array> {
  const header = tarHeader({ path: "log/checkpoint", size: 3 });
  change(header);
  header.fill(32, 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.set(utf8(`${sum.toString(8).padStart(6, "0")}\0 `), 148);
  return inPieces(concatBytes(header, utf8("abc"), tarPadding(3), TAR_END));
}

const segment = fc.stringMatching(/^[A-Za-z0-9@_+-][A-Za-z0-9@._+-]{0,30}$/);
const path = fc.array(segment, { minLength: 1, maxLength: 5 }).map((parts) => parts.join("/"));

test("readTar() gives back what was written, however it arrives", async () => {
  const files = fc.uniqueArray(fc.tuple(path, fc.string({ maxLength: 1_500 })), {
    selector: ([name]) => name,
    maxLength: 6,
  });
  await fc.assert(
    fc.asyncProperty(files, fc.integer({ min: 1, max: 2_000 }), async (expected, length) => {
      const texts = expected.map(([name, text]) => [name, text.toWellFormed()] as const);
      const archive = archiveOf(texts.map(([name, text]) => [name, utf8(text)]));
      expect(await read(inPieces(archive, length))).toEqual(texts);
    }),
    { numRuns: 60 },
  );
});

test("readTar() gives whole files or refuses, whatever was changed or cut off", async () => {
  const archive = archiveOf([
    ["license/answer.json", utf8("{}")],
    ["log/checkpoint", utf8("x".repeat(900))],
  ]);
  const damage = fc.record({
    cut: fc.integer({ min: 0, max: archive.length - 1 }),
    at: fc.integer({ min: 0, max: archive.length - 1 }),
    mask: fc.integer({ min: 0, max: 255 }),
  });
  await fc.assert(
    fc.asyncProperty(damage, async ({ cut, at, mask }) => {
      await expect(read(inPieces(archive.subarray(0, cut)))).rejects.toEqual(REFUSED);
      const changed = archive.map((byte, place) => (place === at ? byte ^ mask : byte));
      const result = await read(inPieces(changed)).catch((error: unknown) => error);
      // Content is none of the archive's business: digests and signatures hold it.
      const isFine = Array.isArray(result) && result.length === 2;
      expect(isFine ? REFUSED : result).toEqual(REFUSED);
    }),
    { numRuns: 150 },
  );
});

test("a file that is not read, or read in part, is skipped", async () => {
  const archive = archiveOf([
    ["a", utf8("one")],
    ["b", utf8("two".repeat(1_000))],
    ["c", utf8("three")],
  ]);
  const paths: string[] = [];
  for await (const file of readTar(inPieces(archive))) {
    paths.push(file.path);
    if (file.path === "b") for await (const _chunk of file.chunks) break;
  }
  expect(paths).toEqual(["a", "b", "c"]);
});

test("a long path is split where the format allows it", async () => {
  const fits = `index/@${"s".repeat(62)}/${"n".repeat(64)}/${"v".repeat(100)}`;
  expect(await read(inPieces(archiveOf([[fits, utf8("x")]])))).toEqual([[fits, "x"]]);
  for (const [first, second] of [
    [156, 90],
    [20, 101],
  ] as const) {
    const tooLong = `${"a".repeat(first)}/${"b".repeat(second)}`;
    expect(() => tarHeader({ path: tooLong, size: 1 })).toThrow(/too long/);
  }
});

test.each([
  "",
  "/etc/passwd",
  "../x",
  "a/../b",
  "a//b",
  "a/",
  ".hidden",
  "a\\b",
  "a b",
  "ä",
  "C:/x",
])("a file cannot have the path %j", (escaping) => {
  expect(() => tarHeader({ path: escaping, size: 1 })).toThrow(REFUSED);
});

describe("readTar() refuses", () => {
  const put = (at: number, text: string) => (header: Uint8Array) => header.set(utf8(text), at);

  test.each([
    ["a link", put(156, "1")],
    ["a symbolic link", put(156, "2")],
    ["a device", put(156, "3")],
    ["a folder", put(156, "5")],
    ["a long name of GNU tar", put(156, "L")],
    ["an extended header", put(156, "x")],
    ["a name out of the folder", put(0, "../checkpoint")],
    ["an absolute name", put(0, "/og/checkpoint")],
    ["something after the name's end", put(40, "x")],
    ["a size that is no number", put(124, "abcdefghijk")],
    ["a size with a sign", put(124, "-0000000001")],
    ["a size in base 256", (header: Uint8Array) => header.fill(0x80, 124, 125)],
    ["another mode", put(100, "0004755")],
    ["another owner", put(108, "0001750")],
    ["a time", put(136, "00000000001")],
    ["another magic", put(257, "ustar ")],
  ])("%s", async (_what, change) => {
    await expect(read(withHeader(change))).rejects.toEqual(REFUSED);
  });

  test("a wrong checksum", async () => {
    const archive = archiveOf([["a", utf8("x")]]);
    archive.set([55], 149);
    await expect(read(inPieces(archive))).rejects.toEqual(REFUSED);
  });

  test("one path twice", async () => {
    const twice = archiveOf([
      ["a", utf8("x")],
      ["a", utf8("y")],
    ]);
    await expect(read(inPieces(twice))).rejects.toThrow(/twice/);
  });

  test("something between its files", async () => {
    const archive = archiveOf([["a", utf8("x")]]);
    archive.set([1], 600);
    await expect(read(inPieces(archive))).rejects.toThrow(/between/);
  });

  test("something after its end", async () => {
    const longer = concatBytes(archiveOf([]), Uint8Array.of(0));
    await expect(read(inPieces(longer))).rejects.toThrow(/after its end/);
    const half = concatBytes(TAR_END.subarray(512), fileOf("a", utf8("x")));
    await expect(read(inPieces(half))).rejects.toThrow(/between/);
  });

  test("a file, files and a sum that are too many", async () => {
    const size = OFFLINE_LIMITS.fileBytes;
    expect(() => tarHeader({ path: "a", size: size + 1 })).toThrow(/too long/);
    const big = new Uint8Array(size);
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (let at = 0; ; at++) {
        yield tarHeader({ path: `b/${at}`, size });
        yield big;
        yield tarPadding(size);
      }
    }
    await expect(readAll(endless())).rejects.toThrow(/It is too long/);
    async function* many(): AsyncGenerator<Uint8Array> {
      for (let at = 0; ; at++) yield tarHeader({ path: `b/${at}`, size: 0 });
    }
    await expect(readAll(many())).rejects.toThrow(/too many files/);
  });
});

async function readAll(archive: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const { chunks } of readTar(archive)) for await (const _chunk of chunks);
}

test("an archive that is not read to its end is closed", async () => {
  let isClosed = false;
  async function* closing(): AsyncGenerator<Uint8Array> {
    try {
      yield* inPieces(archiveOf([["b/x", new Uint8Array(5_000)]]));
    } finally {
      isClosed = true;
    }
  }
  for await (const { path } of readTar(closing())) {
    expect(path).toBe("b/x");
    break;
  }
  expect(isClosed).toBe(true);
});
