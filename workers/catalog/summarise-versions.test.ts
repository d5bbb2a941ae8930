import * as fc from "fast-check";
import { expect, test } from "vitest";
import { compatibilityOf, sizesOf } from "./summarise-versions.ts";

function version(text: string, range: string | null, size = 1) {
  return { version: text, size, engines: range === null ? {} : { "rising-bsm": range } };
}

test("neighbours that are for the same hosts are one row", () => {
  const versions = [
    version("3.0.0", "^3"),
    version("2.1.0", "^2"),
    version("2.0.0", "^2"),
    version("1.1.0", null),
    version("1.0.0", "^2"),
  ];
  expect(compatibilityOf(versions)).toEqual([
    { range: "^3", from: "3.0.0", to: "3.0.0", versions: 1 },
    { range: "^2", from: "2.0.0", to: "2.1.0", versions: 2 },
    { range: null, from: "1.1.0", to: "1.1.0", versions: 1 },
    { range: "^2", from: "1.0.0", to: "1.0.0", versions: 1 },
  ]);
});

test("any versions become a few rows, in which each version is once", () => {
  const ranges = fc.array(fc.constantFrom(null, "^1", "^2", ">=3"), { maxLength: 60 });
  fc.assert(
    fc.property(ranges, (all) => {
      const versions = all.map((range, at) => version(`${all.length - at}.0.0`, range));
      const rows = compatibilityOf(versions);
      const covered = rows.flatMap(({ from, to, versions: count }) => {
        const [low, high] = [from, to].map((text) => Number.parseInt(text, 10));
        expect((high ?? 0) - (low ?? 0) + 1).toBe(count);
        return Array.from({ length: count }, (_, at) => (high ?? 0) - at);
      });
      expect(covered).toEqual(covered.map((_, at) => all.length - at));
      if (rows.length < 20) expect(covered).toHaveLength(all.length);
      for (const [at, row] of rows.entries()) expect(rows[at + 1]?.range).not.toBe(row.range);
      expect(sizesOf(versions).length).toBe(Math.min(all.length, 20));
    }),
  );
});
