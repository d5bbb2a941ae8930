import * as fc from "fast-check";
import { expect, test } from "vitest";
import { foldWords } from "./fold-text.ts";

test.each([
  ["Schlüssel", "schlussel"],
  ["SCHLUESSEL", "schlussel"],
  ["Schlussel", "schlussel"],
  ["Straße", "strasse"],
  ["STRASSE", "strasse"],
  ["Größenänderung", "grossenanderung"],
  ["Ænima Łódź", "anima lodz"],
  ["ﬁne print", "fine print"],
  ["@acme/hello-world_2", "acme hello world 2"],
  ['"quoted" OR NEAR(a b) col:x*', "quoted or near a b col x"],
  ["日本語 текст", "日本語 текст"],
  ["İstanbul", "istanbul"],
  ["!?* _ ' \u0000", ""],
  [`a${"\u{20000}".repeat(30)}`, `a${"\u{20000}".repeat(19)}`],
])("foldWords(%j) is %j", (text, words) => {
  expect(foldWords(text).join(" ")).toBe(words);
});

test("foldWords() of a typed beginning is a beginning of the folded word", () => {
  for (const word of ["schluessel", "straße", "über", "queue", "oeffnungszeiten"]) {
    const [folded] = foldWords(word);
    for (let length = 1; length <= word.length; length++) {
      expect(folded?.startsWith(foldWords(word.slice(0, length))[0] ?? "")).toBe(true);
    }
  }
});

test("foldWords() leaves nothing but letters and digits of any text", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => {
      for (const word of foldWords(text)) expect(word).toMatch(/^[\p{L}\p{N}]+$/u);
    }),
  );
});
