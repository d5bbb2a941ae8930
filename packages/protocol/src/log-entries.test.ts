import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { utf8, utf8Decode } from "./encoding.ts";
import { encodeLogEntry, parseLogEntry, type LogEntry } from "./log-entries.ts";

const refused = expect.objectContaining({ name: "RbsmError", code: "trust_log_invalid" });

const sha256 = "ab".repeat(32);
const publicKey = "A".repeat(43);
const at = "2026-01-02T03:04:05Z";
const release = { plugin: "@acme/hello", version: "1.0.0" };

/** One entry of each type, and the bytes that everyone hashes for it. */
const ENTRIES: readonly (readonly [LogEntry, string])[] = [
  [
    { type: "release", ...release, statement: sha256 },
    `{"type":"release","plugin":"@acme/hello","version":"1.0.0","statement":"${sha256}"}`,
  ],
  [
    { type: "yank", ...release, yanked: true, at },
    `{"type":"yank","plugin":"@acme/hello","version":"1.0.0","yanked":true,"at":"${at}"}`,
  ],
  [
    { type: "deprecate", ...release, deprecated: false, at },
    `{"type":"deprecate","plugin":"@acme/hello","version":"1.0.0","deprecated":false,"at":"${at}"}`,
  ],
  [
    { type: "remove", plugin: "@acme/hello", at },
    `{"type":"remove","plugin":"@acme/hello","at":"${at}"}`,
  ],
  [
    { type: "owner", scope: "@acme", from: null, to: "acme", at },
    `{"type":"owner","scope":"@acme","from":null,"to":"acme","at":"${at}"}`,
  ],
  [
    {
      type: "key-add",
      publisher: "acme",
      keyId: sha256,
      publicKey,
      recovery: null,
      statement: null,
      at,
    },
    `{"type":"key-add","publisher":"acme","keyId":"${sha256}","publicKey":"${publicKey}","recovery":null,"statement":null,"at":"${at}"}`,
  ],
  [
    { type: "key-revoke", publisher: "acme", keyId: sha256, fromIndex: 7, statement: sha256, at },
    `{"type":"key-revoke","publisher":"acme","keyId":"${sha256}","fromIndex":7,"statement":"${sha256}","at":"${at}"}`,
  ],
  [
    { type: "root", version: 2, sha256, at },
    `{"type":"root","version":2,"sha256":"${sha256}","at":"${at}"}`,
  ],
  [{ type: "revocations", sha256, at }, `{"type":"revocations","sha256":"${sha256}","at":"${at}"}`],
];

test.each(ENTRIES)("%j has one spelling", (entry, text) => {
  expect(utf8Decode(encodeLogEntry(entry))).toBe(text);
  expect(parseLogEntry(utf8(text))).toEqual(entry);
  const { type, ...rest } = entry;
  const reversed = Object.fromEntries(Object.entries(rest).reverse());
  expect(utf8Decode(encodeLogEntry(Object.assign(reversed, { type }) as LogEntry))).toBe(text);
});

describe("parseLogEntry() refuses", () => {
  const [[, text] = ["", ""]] = ENTRIES;
  test.each([
    ["nothing", ""],
    ["white space", text.replace(",", ", ")],
    ["a line feed at the end", `${text}\n`],
    ["members in another order", `{"plugin":"@acme/hello","type":"release"${text.slice(41)}`],
    ["an escaped character", text.replace("acme", "\\u0061cme")],
    ["a key twice", text.replace("{", '{"type":"release",')],
    ["an unknown member", text.replace("}", ',"note":"x"}')],
    ["an unknown type", text.replace("release", "rumour")],
    ["a missing member", text.replace(',"version":"1.0.0"', "")],
    ["a digest in upper case", text.replaceAll("ab", "AB")],
    ["a byte order mark", `\ufeff${text}`],
    ["a list", `[${text}]`],
  ])("%s", (_, changed) => {
    expect(changed).not.toBe(text);
    expect(() => parseLogEntry(utf8(changed))).toThrow(refused);
  });

  test("whatever bytes come, with the one code", () => {
    fc.assert(
      fc.property(fc.nat(text.length), fc.string({ unit: "binary" }), (place, added) => {
        const changed = text.slice(0, place) + added + text.slice(place + added.length);
        try {
          expect(encodeLogEntry(parseLogEntry(utf8(changed)))).toEqual(utf8(changed));
        } catch (error) {
          expect(error).toEqual(refused);
        }
      }),
      { numRuns: 500 },
    );
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(() => parseLogEntry(bytes)).toThrow(refused);
      }),
    );
  });
});

test.each([
  ["a scope without its sign", { type: "owner", scope: "acme", from: null, to: "acme", at }],
  ["a publisher's display name", { type: "owner", scope: "@acme", from: null, to: "Acme Ltd", at }],
  ["a negative place", { type: "key-revoke", publisher: "acme", keyId: sha256, fromIndex: -1 }],
  ["local time", { type: "remove", plugin: "@acme/hello", at: "2026-01-02T03:04:05+01:00" }],
  ["root 0", { type: "root", version: 0, sha256, at }],
])("encodeLogEntry() refuses %s", (_, entry) => {
  expect(() => encodeLogEntry(entry as LogEntry)).toThrow(refused);
});
