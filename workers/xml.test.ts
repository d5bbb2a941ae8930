import { assert, property, string } from "fast-check";
import { expect, test } from "vitest";
import { parseXml, textOf } from "./sample-xml.ts";
import { escapeXml } from "./xml.ts";

test("escapeXml() gives text that an XML parser reads back, whatever it was", () => {
  assert(
    property(string({ unit: "binary" }), (text) => {
      const element = parseXml(`<a b="${escapeXml(text)}">${escapeXml(text)}</a>`);
      const wanted = text
        .toWellFormed()
        .replaceAll(/[^\t\n\r\u0020-\uFFFD\u{10000}-\u{10FFFF}]/gu, "\uFFFD");
      expect(element.attributes["b"]).toBe(wanted);
      expect(textOf(element)).toBe(wanted);
    }),
    { numRuns: 500 },
  );
});

test("escapeXml() leaves no markup and no control character", () => {
  expect(escapeXml(`<a href="x" b='y'>&\u0000\uD800</a>`)).toBe(
    "&lt;a href=&quot;x&quot; b=&#39;y&#39;&gt;&amp;\uFFFD\uFFFD&lt;/a&gt;",
  );
});
