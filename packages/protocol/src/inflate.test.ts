import { deflateSync } from "fflate";
import { expect, test } from "vitest";
import { utf8 } from "./encoding.ts";
import { crc32, unpack } from "./inflate.ts";

const text = utf8("one entry of a bundle, ".repeat(50));
const packed = deflateSync(text);

test("crc32 is the ZIP checksum of the check string", () => {
  expect(crc32(utf8("123456789"))).toBe(0xcbf43926);
});

test("a deflated entry unpacks to its bytes and checksum", () => {
  const { bytes, crc32: sum } = unpack(packed, { deflated: true, size: text.length });
  expect(bytes).toEqual(text);
  expect(sum).toBe(crc32(text));
});

test("a stored entry is a view on its bytes", () => {
  const { bytes } = unpack(text, { deflated: false, size: text.length });
  expect(bytes.buffer).toBe(text.buffer);
});

test("an empty deflate stream unpacks to nothing", () => {
  expect(unpack(deflateSync(new Uint8Array()), { deflated: true, size: 0 }).bytes).toHaveLength(0);
});

test.each([
  ["more output than announced", packed, text.length - 1],
  ["a stream that is cut off", packed.subarray(0, -1), text.length],
  ["no stream at all", new Uint8Array(), 0],
  ["bytes after the stream", Uint8Array.of(...packed, 0), text.length],
  ["a second stream after the first", Uint8Array.of(...packed, ...packed), text.length],
])("refuses %s", (_, raw, size) => {
  expect(() => unpack(raw, { deflated: true, size })).toThrow();
});
