import { expect, test } from "vitest";
import { concatBytes, hex, sha256Hex, utf8 } from "./encoding.ts";
import { BUNDLE_LIMITS } from "./limits.ts";
import { openBundle } from "./open-bundle.ts";
import { packBundle } from "./pack-bundle.ts";

const text = utf8("hello ".repeat(100));

test("the same files in any order give the same bytes", () => {
  const entries: [string, Uint8Array][] = [
    ["b.js", text],
    ["a.js", text],
    ["10", text],
    ["9", text],
    ["-x", text],
  ];
  const forwards = packBundle(new Map(entries));
  expect(packBundle(new Map(entries.toReversed()))).toEqual(forwards);
  expect([...openBundle(forwards).keys()]).toEqual(["-x", "10", "9", "a.js", "b.js"]);
});

test("the bytes of one bundle are fixed for ever", async () => {
  const bytes = packBundle(new Map([["a.txt", utf8("a")]]));
  expect(hex(bytes)).toBe(
    [
      "504b0304 1400 0000 0000 00002100 43beb7e8 01000000 01000000 0500 0000 612e747874 61",
      "504b0102 1400 1400 0000 0000 00002100 43beb7e8 01000000 01000000 0500 0000 0000 0000 0000 00000000 00000000 612e747874",
      "504b0506 0000 0000 0100 0100 33000000 24000000 0000",
    ]
      .join("")
      .replaceAll(" ", ""),
  );
  expect(await sha256Hex(packBundle(new Map([["index.js", text]])))).toMatch(/^[0-9a-f]{64}$/);
});

test("content is deflated where that makes it smaller and stored elsewhere", () => {
  const random = Uint8Array.from({ length: 64 }, (_, i) => (i * 167 + 13) & 255);
  const packed = packBundle(
    new Map([
      ["random", random],
      ["text", text],
    ]),
  );
  expect(packed.length).toBeLessThan(text.length);
  expect(openBundle(packed).get("random")).toEqual(random);
});

test("signatures are stored", () => {
  const packed = packBundle(new Map([["signatures/publisher.dsse.json", text]]));
  expect(hex(packed)).toContain(hex(text));
});

test.each<[string, Map<string, Uint8Array>, string]>([
  ["no files", new Map(), "bundle_structure"],
  ["a bad name", new Map([["../a", text]]), "bundle_entry_name"],
  ["a foreign file among the signatures", new Map([["signatures/a", text]]), "bundle_entry_name"],
  [
    "names that differ in case only",
    new Map([
      ["A", text],
      ["a", text],
    ]),
    "bundle_entry_name",
  ],
  [
    "an entry over the limit",
    new Map([["a", new Uint8Array(BUNDLE_LIMITS.entryBytes + 1)]]),
    "bundle_too_large",
  ],
  [
    "more than may be unpacked",
    new Map(
      Array.from({ length: 9 }, (_, i) => [`f${i}`, new Uint8Array(BUNDLE_LIMITS.entryBytes)]),
    ),
    "bundle_too_large",
  ],
  [
    "too many entries",
    new Map(Array.from({ length: BUNDLE_LIMITS.entries + 1 }, (_, i) => [`f${i}`, text])),
    "bundle_too_large",
  ],
  [
    "a file over the limit",
    new Map(Array.from({ length: 3 }, (_, i) => [`f${i}`, noise(BUNDLE_LIMITS.entryBytes)])),
    "bundle_too_large",
  ],
])("packBundle() refuses %s", (_, files, code) => {
  expect(() => packBundle(files)).toThrow(expect.objectContaining({ code }));
});

/** Bytes that deflate cannot make smaller. */
function noise(length: number): Uint8Array {
  const chunks = Array.from({ length: length / 0x10000 }, () =>
    crypto.getRandomValues(new Uint8Array(0x10000)),
  );
  return concatBytes(...chunks);
}
