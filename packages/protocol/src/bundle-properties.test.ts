import * as fc from "fast-check";
import { expect, test } from "vitest";
import { concatBytes, equalBytes, utf8 } from "./encoding.ts";
import { RbsmError } from "./errors.ts";
import { openBundle } from "./open-bundle.ts";
import { packBundle } from "./pack-bundle.ts";

const archive = packBundle(new Map([["main.js", utf8("hello ".repeat(40))]]));

const files = fc
  .dictionary(
    fc.stringMatching(/^[a-z0-9_@-]{1,8}(?:\/[a-z0-9_@-]{1,8}){0,2}\.js$/),
    fc.uint8Array({ maxLength: 300 }),
    { minKeys: 1, maxKeys: 8 },
  )
  .map((record) => new Map(Object.entries(record)))
  .filter(packs);

function packs(map: Map<string, Uint8Array>): boolean {
  try {
    return packBundle(map).length > 0;
  } catch {
    return false;
  }
}

test("what packBundle() writes openBundle() reads, in byte order", () => {
  fc.assert(
    fc.property(files, (map) => {
      const opened = openBundle(packBundle(map));
      expect([...opened.keys()]).toEqual([...map.keys()].sort());
      expect([...opened].every(([name, bytes]) => equalBytes(bytes, map.get(name)!))).toBe(true);
    }),
    { numRuns: 200 },
  );
});

test("no change of a valid bundle is accepted with other content", () => {
  const change = fc.oneof(
    fc.record({ kind: fc.constant("set" as const), at: fc.nat(), byte: fc.nat(255) }),
    fc.record({ kind: fc.constant("insert" as const), at: fc.nat(), byte: fc.nat(255) }),
    fc.record({ kind: fc.constant("remove" as const), at: fc.nat(), byte: fc.nat(3) }),
    fc.record({ kind: fc.constant("swap" as const), at: fc.nat(), byte: fc.nat(255) }),
  );
  fc.assert(
    fc.property(files, fc.array(change, { minLength: 1, maxLength: 4 }), (map, changes) => {
      const original = packBundle(map);
      const mutated = changes.reduce<Uint8Array>((bytes, { kind, at, byte }) => {
        const i = at % bytes.length;
        if (kind === "insert")
          return concatBytes(bytes.subarray(0, i), Uint8Array.of(byte), bytes.subarray(i));
        if (kind === "remove")
          return concatBytes(bytes.subarray(0, i), bytes.subarray(i + 1 + byte));
        const copy = bytes.slice();
        copy[i] = kind === "set" ? byte : (bytes[(i + byte) % bytes.length] ?? 0);
        return copy;
      }, original);
      const opened = openOrNull(mutated);
      return opened === null || sameFiles(opened, map);
    }),
    { numRuns: 2_000 },
  );
});

function openOrNull(bytes: Uint8Array): Map<string, Uint8Array> | null {
  try {
    return openBundle(bytes);
  } catch (error) {
    if (error instanceof RbsmError && error.code.startsWith("bundle_")) return null;
    throw error;
  }
}

function sameFiles(
  a: ReadonlyMap<string, Uint8Array>,
  b: ReadonlyMap<string, Uint8Array>,
): boolean {
  return (
    a.size === b.size &&
    [...a].every(([name, bytes]) => equalBytes(bytes, b.get(name) ?? new Uint8Array(1)))
  );
}

test("arbitrary bytes end in a bundle or in an RbsmError", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.boolean(), (bytes, asZip) => {
      openOrNull(asZip ? concatBytes(archive, bytes, archive) : bytes);
    }),
    { numRuns: 1_000 },
  );
});
