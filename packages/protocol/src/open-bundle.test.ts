import { deflateSync, zipSync } from "fflate";
import { describe, expect, test } from "vitest";
import { rawZip, type RawArchive, type RawEntry } from "../fixtures/raw-zip.ts";
import { concatBytes, utf8 } from "./encoding.ts";
import { RbsmError } from "./errors.ts";
import { crc32 } from "./inflate.ts";
import { BUNDLE_LIMITS } from "./limits.ts";
import { openBundle } from "./open-bundle.ts";
import { packBundle } from "./pack-bundle.ts";

const text = utf8("hello ".repeat(40));
const stored: RawEntry = { name: "main.js", data: text };
const deflated: RawEntry = {
  name: "main.js",
  data: deflateSync(text),
  method: 8,
  crc: crc32(text),
  size: text.length,
};

function refusal(bytes: Uint8Array): RbsmError {
  try {
    openBundle(bytes);
  } catch (error) {
    if (error instanceof RbsmError) return error;
    throw error;
  }
  throw new Error("the bundle was accepted");
}

describe("openBundle() accepts", () => {
  test.each<[string, Uint8Array]>([
    ["a stored entry", rawZip([stored])],
    ["a deflated entry", rawZip([deflated])],
    ["an entry that needs ZIP 1.0", rawZip([{ ...stored, version: 10 }])],
    ["a name that is marked as UTF-8", rawZip([{ ...stored, flags: 0x800 }])],
    [
      "a regular file written on Unix",
      rawZip([{ ...stored, madeBy: 0x0314, attributes: 0o100644 * 0x10000 }]),
    ],
    [
      "a read-only file written on Unix",
      rawZip([{ ...stored, madeBy: 0x0314, attributes: 0o444 * 0x10000 }]),
    ],
    [
      "a regular file as Python writes it on Windows",
      rawZip([{ ...stored, attributes: 0o600 * 0x10000 }]),
    ],
    ["what fflate writes", zipSync({ "main.js": [text, { mtime: new Date(1980, 0, 1) }] })],
  ])("%s", (_, bytes) => {
    expect(openBundle(bytes)).toEqual(new Map([["main.js", text]]));
  });

  test("a file called constructor and a file in a folder", () => {
    const bytes = rawZip([{ name: "constructor" }, { name: "lib/a.js" }]);
    expect([...openBundle(bytes).keys()]).toEqual(["constructor", "lib/a.js"]);
  });

  test("a bundle that lies inside a larger buffer", () => {
    const bytes = rawZip([deflated]);
    const buffer = concatBytes(utf8("before"), bytes, utf8("after"));
    expect(openBundle(buffer.subarray(6, 6 + bytes.length)).get("main.js")).toEqual(text);
  });
});

test("stored content is a view on the input, not a copy", () => {
  const bytes = rawZip([stored]);
  expect(openBundle(bytes).get("main.js")?.buffer).toBe(bytes.buffer);
});

describe("openBundle() says what kind of file it is not", () => {
  test.each<[string, Uint8Array, string]>([
    ["nothing", new Uint8Array(), "bundle_not_zip"],
    ["a JSON file", utf8('{"name":"@acme/hello"}'), "bundle_not_zip"],
    [
      "a legacy bundle",
      concatBytes(utf8("RBSM"), Uint8Array.of(1, 0, 0, 31, 139)),
      "bundle_legacy",
    ],
    ["the first two bytes of a ZIP", utf8("PK"), "bundle_truncated"],
    ["a file over the limit", new Uint8Array(BUNDLE_LIMITS.fileBytes + 1), "bundle_too_large"],
  ])("%s", (_, bytes, code) => {
    expect(refusal(bytes).code).toBe(code);
  });

  test("every proper prefix of a bundle is truncated or no ZIP", () => {
    const bytes = packBundle(
      new Map([
        ["a.js", text],
        ["b.js", text],
      ]),
    );
    for (let length = 0; length < bytes.length; length++) {
      expect(["bundle_truncated", "bundle_not_zip"]).toContain(
        refusal(bytes.subarray(0, length)).code,
      );
    }
  });
});

describe("openBundle() refuses an archive", () => {
  const evil = rawZip([{ name: "evil.js", data: utf8("evil") }]);
  const zip64End = concatBytes(
    Uint8Array.of(0x50, 0x4b, 6, 6),
    new Uint8Array(52),
    Uint8Array.of(0x50, 0x4b, 6, 7),
    new Uint8Array(16),
  );
  test.each<[string, RawArchive]>([
    ["with bytes before the first entry", { prefix: utf8("PK") }],
    ["with bytes before the directory", { beforeDirectory: utf8("x") }],
    ["with bytes before the end record", { beforeEnd: utf8("x") }],
    ["with bytes after the end record", { afterEnd: utf8("x") }],
    ["with a comment", { comment: utf8("a comment") }],
    ["with a second archive in its comment", { comment: evil }],
    ["that announces a comment it does not have", { commentLength: 1 }],
    ["with a ZIP64 end record", { beforeEnd: zip64End, count: 0xffff }],
    ["that announces more entries than it has", { count: 2 }],
    ["that announces no entries", { count: 0 }],
    ["whose two counts differ", { countOnDisk: 2 }],
    ["on a later disk", { disk: 1 }],
    ["with its directory on a later disk", { directoryDisk: 1 }],
    ["with a directory larger than it is", { directorySize: 1000 }],
    ["with a directory elsewhere", { directoryOffset: 1 }],
    [
      "with a directory that starts early",
      { directoryOffset: 0, directorySize: 30 + 7 + text.length + 46 + 7 },
    ],
  ])("%s", (_, archive) => {
    expect(refusal(rawZip([stored], archive)).code).toMatch(/^bundle_(?:structure|too_large)$/);
  });

  test("that announces fewer entries than it has", () => {
    const bytes = rawZip([stored, { name: "zz.js", data: text }], { count: 1 });
    expect(refusal(bytes)).toMatchObject({ code: "bundle_structure" });
  });

  test("that is empty", () => {
    expect(refusal(rawZip([], { prefix: utf8("PK") })).code).toBe("bundle_structure");
  });

  test("with prepended bytes and offsets that were fixed", () => {
    const shifted = rawZip([{ ...stored, offset: 2 }], { prefix: utf8("PK") });
    expect(refusal(shifted)).toMatchObject({ code: "bundle_structure" });
  });

  test("with one entry more than allowed", () => {
    const entries = Array.from({ length: BUNDLE_LIMITS.entries + 1 }, (_, i) => ({
      name: `f${String(i).padStart(5, "0")}`,
    }));
    expect(refusal(rawZip(entries)).code).toBe("bundle_too_large");
    expect(openBundle(rawZip(entries.slice(1))).size).toBe(BUNDLE_LIMITS.entries);
  });
});

describe("openBundle() refuses an entry", () => {
  const other = utf8("other");
  test.each<[string, RawEntry]>([
    ["that is encrypted", { ...stored, flags: 1 }],
    ["with a data descriptor", { ...deflated, flags: 8 }],
    ["packed with an unknown method", { ...stored, method: 14 }],
    ["that needs ZIP 4.5", { ...stored, version: 45 }],
    ["with an extra field", { ...stored, extra: Uint8Array.of(1, 0, 0, 0) }],
    [
      "with a ZIP64 extra field",
      { ...stored, extra: Uint8Array.of(1, 0, 16, 0, ...new Uint8Array(16)) },
    ],
    ["with a comment", { ...stored, comment: other }],
    ["on a later disk", { ...stored, disk: 1 }],
    ["with internal attributes", { ...stored, internalAttributes: 1 }],
    ["with DOS attributes", { ...stored, attributes: 0x10 }],
    ["that is a symbolic link", { ...stored, madeBy: 0x0314, attributes: 0o120777 * 0x10000 }],
    ["that is setuid", { ...stored, madeBy: 0x0314, attributes: 0o104755 * 0x10000 }],
    ["that is a device", { ...stored, madeBy: 0x0314, attributes: 0o060644 * 0x10000 }],
    ["from Windows with the mode of a link", { ...stored, attributes: 0o120777 * 0x10000 }],
    ["from Windows with a mode in one byte", { ...stored, attributes: 0o400 * 0x10000 }],
    ["from Windows with a mode in the other byte", { ...stored, attributes: 0o200 * 0x10000 }],
    ["from Unix without a mode", { ...stored, madeBy: 0x0314 }],
    [
      "from Unix with DOS attributes",
      { ...stored, madeBy: 0x0314, attributes: 0o100644 * 0x10000 + 1 },
    ],
    ["from another system", { ...stored, madeBy: 0x0a14 }],
    ["by an unknown version of the format", { ...stored, madeBy: 21 }],
    ["whose local name differs", { ...stored, local: { name: "read.me" } }],
    ["whose local sizes differ", { ...stored, local: { size: 5, packedSize: 5 } }],
    ["whose local checksum differs", { ...stored, local: { crc: 0 } }],
    ["whose local flags differ", { ...stored, local: { flags: 0x800 } }],
    ["whose local header is longer", { ...stored, local: { extra: other } }],
    ["without a directory signature", { ...stored, centralSignature: 0 }],
    ["whose header lies elsewhere", { ...stored, offset: 1 }],
    ["followed by hidden bytes", { ...stored, gap: other }],
    ["whose data reaches past the directory", { ...stored, packedSize: 4096, size: 4096 }],
    ["that is stored with two sizes", { ...stored, size: 5 }],
    ["that announces more than deflate can hold", { ...deflated, size: 100_000 }],
    [
      "whose data is padded",
      { ...deflated, data: concatBytes(deflateSync(text), new Uint8Array(400)) },
    ],
  ])("%s", (_, entry) => {
    expect(refusal(rawZip([entry])).code).toBe("bundle_structure");
  });

  test("whose name reaches past the directory", () => {
    const bytes = rawZip([stored]);
    new DataView(bytes.buffer).setUint16(30 + 7 + text.length + 28, 500, true);
    expect(refusal(bytes).code).toBe("bundle_structure");
  });

  test.each<[string, RawEntry]>([
    ["with a wrong checksum", { ...stored, crc: 1 }],
    ["shorter than announced", { ...deflated, size: text.length + 1 }],
    ["longer than announced", { ...deflated, size: text.length - 1 }],
    [
      "with bytes after its deflate stream",
      { ...deflated, data: concatBytes(deflateSync(text), utf8("x")) },
    ],
    ["whose deflate stream is cut off", { ...deflated, data: deflateSync(text).subarray(0, -1) }],
    ["that is no deflate stream", { ...deflated, data: Uint8Array.of(7, 7, 7) }],
  ])("%s as corrupt", (_, entry) => {
    expect(refusal(rawZip([entry]))).toMatchObject({
      code: "bundle_corrupt",
      detail: { entry: "main.js" },
    });
  });

  test("without a local header", () => {
    const headless = rawZip([stored, { ...stored, name: "other.js", local: { signature: 0 } }]);
    expect(refusal(headless).code).toBe("bundle_structure");
  });

  test("that shares another entry's data", () => {
    const bytes = rawZip([stored, { ...stored, name: "other.js", offset: 0 }]);
    expect(refusal(bytes).code).toBe("bundle_structure");
  });
});

describe("openBundle() refuses names", () => {
  const tooDeep = "a/".repeat(BUNDLE_LIMITS.nameSegments) + "b";
  test.each(
    [
      "../evil.js",
      "/etc/passwd",
      "C:evil.js",
      "a\\b.js",
      "a\0.js",
      "a b.js",
      "ünï.js",
      "a//b.js",
      "a/",
      "./a.js",
      "a/../b.js",
      "a/./b.js",
      "a.",
      "a./b",
      "con",
      "lib/NUL.txt",
      "com1.js",
      "__proto__",
      "a/__proto__/b",
      "\u202egnp.js",
      "",
      tooDeep,
      "n".repeat(BUNDLE_LIMITS.nameLength + 1),
      "signatures/evil.js",
      "signatures",
    ].map((name) => [name]),
  )("%j", (name) => {
    const entries =
      name === "signatures" ? [{ name }, { name: "signatures/publisher.pub" }] : [{ name }];
    expect(refusal(rawZip(entries))).toMatchObject({ code: "bundle_entry_name" });
  });

  test("that are not ASCII bytes", () => {
    expect(refusal(rawZip([{ name: Uint8Array.of(0x61, 0xff) }])).code).toBe("bundle_entry_name");
  });

  test.each([
    ["twice the same", ["a.js", "a.js"]],
    ["out of order", ["b.js", "a.js"]],
    ["equal but for case", ["A.js", "a.js"]],
    ["file and folder", ["lib", "lib/a.js"]],
    ["file and folder but for case", ["LIB/a.js", "lib"]],
  ])("%s", (_, names) => {
    expect(refusal(rawZip(names.map((name) => ({ name })))).code).toBe("bundle_entry_name");
  });
});

describe("openBundle() stops bombs before they unpack", () => {
  const bomb = deflateSync(new Uint8Array(BUNDLE_LIMITS.entryBytes + 1));

  test.each<[string, RawEntry[]]>([
    [
      "one entry over the limit",
      [{ name: "a", data: bomb, method: 8, size: BUNDLE_LIMITS.entryBytes + 1 }],
    ],
    ["four gigabytes in 134 bytes", [{ ...stored, size: 0xffffffff, packedSize: 0xffffffff }]],
    [
      "many entries that are over the limit together",
      Array.from({ length: 9 }, (_, i) => ({
        name: `f${i}`,
        data: bomb,
        method: 8,
        size: BUNDLE_LIMITS.entryBytes,
      })),
    ],
  ])("%s", (_, entries) => {
    expect(["bundle_too_large", "bundle_structure"]).toContain(refusal(rawZip(entries)).code);
  });

  test("an entry that unpacks to more than it announces", () => {
    expect(refusal(rawZip([{ name: "a", data: bomb, method: 8, size: 5_000 }])).code).toBe(
      "bundle_corrupt",
    );
  });
});
