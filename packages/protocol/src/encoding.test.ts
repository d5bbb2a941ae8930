import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  base64,
  base64url,
  concatBytes,
  equalBytes,
  fromBase64,
  fromBase64url,
  fromHex,
  hex,
  parseJson,
  sha256Hex,
  utf8,
  utf8Decode,
} from "./encoding.ts";

const invalid = expect.objectContaining({ code: "signature_invalid" });

test.each([
  ["hex", hex, fromHex],
  ["base64", base64, fromBase64],
  ["base64url", base64url, fromBase64url],
])("%s round-trips any bytes", (_, encode, decode) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) =>
      equalBytes(decode(encode(bytes)), bytes),
    ),
  );
});

test("each text that decodes is the only spelling of its bytes", () => {
  const nearBase64 = fc.stringMatching(/^[A-Za-z0-9+/=_-]{0,12}$/);
  fc.assert(
    fc.property(nearBase64, (text) => {
      expect([null, text]).toContain(roundTrip(text, fromBase64, base64));
      expect([null, text]).toContain(roundTrip(text, fromBase64url, base64url));
    }),
    { numRuns: 2_000 },
  );
});

function roundTrip(
  text: string,
  decode: (text: string) => Uint8Array,
  encode: (bytes: Uint8Array) => string,
) {
  try {
    return encode(decode(text));
  } catch {
    return null;
  }
}

test("large byte arrays become base64", () => {
  const bytes = Uint8Array.from({ length: 100_000 }, (_, i) => i & 255);
  expect(fromBase64(base64(bytes))).toEqual(bytes);
});

test.each(["a", "abc", "AB", "0g", "0 "])("fromHex() refuses %j", (text) => {
  expect(() => fromHex(text)).toThrow(invalid);
});

test.each(["A", "AA", "AA=", "AB==", "AAB=", "AA==\n", " AA==", "AA-_", "====", "A==="])(
  "fromBase64() refuses %j",
  (text) => {
    expect(() => fromBase64(text)).toThrow(invalid);
  },
);

test.each(["A", "AB", "AA==", "AA+/", "AA\n", "AAAAA"])("fromBase64url() refuses %j", (text) => {
  expect(() => fromBase64url(text)).toThrow(invalid);
});

test("sha256 is the one of FIPS 180", async () => {
  expect(await sha256Hex(utf8("abc"))).toBe(
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
  );
});

test("bytes are joined and compared by content", () => {
  expect(concatBytes(utf8("a"), utf8("bc"))).toEqual(utf8("abc"));
  expect(equalBytes(utf8("a"), utf8("ab"))).toBe(false);
  expect(equalBytes(utf8("a"), utf8("b"))).toBe(false);
});

test("text that is not UTF-8 is refused with the caller's code", () => {
  expect(utf8Decode(utf8("grüß"))).toBe("grüß");
  expect(() => utf8Decode(Uint8Array.of(0xff))).toThrow(
    expect.objectContaining({ code: "request_invalid" }),
  );
  expect(() => utf8Decode(Uint8Array.of(0xff), "manifest_invalid")).toThrow(
    expect.objectContaining({ code: "manifest_invalid" }),
  );
});

describe("parseJson()", () => {
  const limits = { maxBytes: 1_000, maxDepth: 3, code: "manifest_invalid" } as const;

  test.each([
    ['{"a":[1,{"b":"]]]]{{{{\\"[[[["}]}'],
    ['"\\\\"'],
    ["[[[]]]"],
    ['{"a":"\\u00e9"}'],
    ["[[],[],[],[]]"],
  ])("reads %s", (text) => {
    expect(parseJson(text, limits)).toEqual(JSON.parse(text));
    expect(parseJson(utf8(text), limits)).toEqual(JSON.parse(text));
  });

  test.each([
    ["nothing", ""],
    ["half a document", '{"a":'],
    ["an open string", '{"a":"'],
    ["a string that ends in a backslash", '"\\'],
    ["a byte order mark", "\ufeff{}"],
    ["more depth than allowed", "[[[[]]]]"],
    ["far more depth than a stack holds", "[".repeat(900)],
    ["more bytes than allowed", JSON.stringify("ü".repeat(500))],
    ["an own __proto__", '{"__proto__":{}}'],
    ["an own __proto__ further down", '{"a":[{"__proto__":1}]}'],
    ["an own __proto__ in escapes", '{"\\u005f_proto__":{}}'],
  ])("refuses %s", (_, text) => {
    const refused = expect.objectContaining({ name: "RbsmError", code: "manifest_invalid" });
    expect(() => parseJson(text, limits)).toThrow(refused);
    expect(() => parseJson(utf8(text), limits)).toThrow(refused);
  });

  test("allows 32 levels unless told otherwise", () => {
    const { maxDepth: _, ...rest } = limits;
    expect(() => parseJson("[".repeat(32) + "]".repeat(32), rest)).not.toThrow();
    expect(() => parseJson("[".repeat(33) + "]".repeat(33), rest)).toThrow();
  });

  describe("with unique keys", () => {
    const strict = { ...limits, maxDepth: 8, uniqueKeys: true };

    test.each([
      ['{"a":1,"b":{"a":2},"c":[{"a":3},{"a":4}]}'],
      ['{"a":"b","c":"a","d":["a","a"]}'],
      ['{ "a" \n:\t1 , "A" : 2, "a:": 3, "": 4 }'],
      ['"a"'],
      ['"a" '],
    ])("reads %s", (text) => {
      expect(parseJson(text, strict)).toEqual(JSON.parse(text));
    });

    test.each([
      ['{"a":1,"a":1}'],
      ['{"a":{},"b":[],"a":{}}'],
      ['{"x":{"a":1,"b":{"a":2},"a" : 3}}'],
      ['[{"a":1,"\\u0061":2}]'],
      ['{"":1,"":2}'],
    ])("refuses %s", (text) => {
      expect(() => parseJson(text, strict)).toThrow(/stands twice in one object/);
      expect(() => parseJson(text, limits)).not.toThrow();
    });

    test.each(["}", '"a', '{"\\q":1}', '{"a" '])("%j stays no JSON", (text) => {
      expect(() => parseJson(text, strict)).toThrow(
        expect.objectContaining({ code: "manifest_invalid" }),
      );
    });
  });

  test("millions of numbers are no slower for an escape among them", () => {
    const text = `["\\u0061"${",1".repeat(2_000_000)}]`;
    const started = performance.now();
    expect(parseJson(text, { ...limits, maxBytes: 5_000_000 })).toHaveLength(2_000_001);
    expect(performance.now() - started).toBeLessThan(1_500);
  });

  test("accepts __proto__ as a value", () => {
    expect(parseJson('["__proto__"]', limits)).toEqual(["__proto__"]);
  });
});
