import * as fc from "fast-check";
import { expect, test } from "vitest";
import { SCAN_LIMITS, scanBundle, utf8 } from "./index.ts";

const scan = (text: string, name = "index.js") => scanBundle(new Map([[name, utf8(text)]]));

test.each([
  ["a right-to-left override", "scan_bidi", "if (isAdmin\u202e)"],
  ["an isolate", "scan_bidi", "a\u2066b"],
  ["a zero-width space", "scan_invisible", "const a\u200b = 1"],
  ["a byte order mark inside", "scan_invisible", "a\ufeffb"],
  ["a variation selector that hides a byte", "scan_invisible", "x\u{e0131}"],
  ["a Hangul filler as a name", "scan_invisible", "let \u3164 = 1"],
  ["a private key", "scan_secret", "-----BEGIN PRIVATE KEY-----"],
  ["an RSA key", "scan_secret", "-----BEGIN RSA PRIVATE KEY-----"],
  ["a marketplace token", "scan_secret", `rbsm_pat_${"a".repeat(43)}`],
  ["a cloud key", "scan_secret", "AKIAABCDEFGHIJKLMNOP"],
])("%s is found", (_, rule, text) => {
  expect(scan(`ok\n  ${text}`)).toMatchObject([
    { rule, path: expect.stringMatching(/^index\.js:2:/) },
  ]);
});

test("emoji, accents and other scripts are text like any other", () => {
  expect(scan("👨‍👩‍👧 ❤️ ✔︎ 🏴󠁧󠁢󠁳󠁣󠁴󠁿 1️⃣ Größe שלום 中文 é")).toEqual([]);
});

test("a place is line and column, and a line is named once", () => {
  const places = scan("a\nbb\u200b\u200b\u202e\n\n\u200b").map(({ path }) => path);
  expect(places).toEqual(["index.js:2:3", "index.js:4:1"]);
});

test("pictures are not read, and the list ends", () => {
  expect(scan("\u200b", "icon.png")).toEqual([]);
  expect(scan("\u200b\n".repeat(200))).toHaveLength(SCAN_LIMITS.findings);
});

test("a text of nothing but emoji is for a person to read, and read in time", () => {
  expect(scan("❤️".repeat(SCAN_LIMITS.emoji))).toEqual([]);
  expect(scan("❤️".repeat(1_000_000))).toHaveLength(1);
});

const bundleOf = (count: number, text: string) => {
  const bytes = utf8(text);
  return new Map(Array.from({ length: count }, (_, at) => [`${at}.js`, bytes]));
};

test("a bundle of nothing but empty lines is read in time", () => {
  const lines = bundleOf(8, "\n".repeat(4 * 1024 * 1024));
  const started = performance.now();
  expect(scanBundle(lines)).toEqual([]);
  expect(performance.now() - started).toBeLessThan(3_000);
});

test("files share what may be looked at for emoji", () => {
  const half = "❤️".repeat(SCAN_LIMITS.emoji / 2);
  expect(scanBundle(bundleOf(2, half))).toEqual([]);
  expect(scanBundle(bundleOf(4, half)).map(({ path }) => path)).toEqual(["2.js:1:2", "3.js:1:2"]);
});

test("whatever stands around it, a hidden character is found", () => {
  const plain = fc.string().filter((text) => scan(text).length === 0);
  fc.assert(
    fc.property(plain, plain, fc.constantFrom("\u202e", "\u2067", "\u{e0101}"), (a, b, hidden) => {
      expect(scan(`${a} ${hidden} ${b}`)).not.toEqual([]);
    }),
  );
});
