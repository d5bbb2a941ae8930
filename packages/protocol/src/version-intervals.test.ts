import { array, assert, constantFrom, nat, oneof, property, tuple } from "fast-check";
import { describe, expect, test } from "vitest";
import { intervalsOf } from "./version-intervals.ts";
import type { VersionInterval } from "./version-intervals.ts";
import { compareVersions, isInRange } from "./version.ts";

const number = nat(3);
const prerelease = constantFrom("", "", "-0", "-a", "-a.0", "-a.1", "-b");
const version = tuple(number, number, number, prerelease).map(
  ([major, minor, patch, rest]) => `${major}.${minor}.${patch}${rest}`,
);
const comparator = tuple(constantFrom("<", "<=", ">", ">=", "=", "^", "~", ""), version).map(
  ([operator, of]) => `${operator}${of}`,
);
const simple = oneof(
  comparator,
  tuple(comparator, comparator).map(([a, b]) => `${a} ${b}`),
  tuple(version, version).map(([a, b]) => `${a} - ${b}`),
  constantFrom("*", "1.x", "2.1.x", ">1", "<=2"),
);
const range = array(simple, { minLength: 1, maxLength: 3 }).map((parts) => parts.join(" || "));

/** As the specification of OSV evaluates an interval. */
function contains({ introduced, fixed, lastAffected }: VersionInterval, of: string): boolean {
  if (introduced !== null && compareVersions(of, introduced) < 0) return false;
  if (fixed !== undefined && compareVersions(of, fixed) >= 0) return false;
  return lastAffected === undefined || compareVersions(of, lastAffected) <= 0;
}

describe("intervalsOf", () => {
  test.each<[string, VersionInterval[]]>([
    ["<1.2.0", [{ introduced: null, fixed: "1.2.0" }]],
    [">=1.0.0 <=1.4.2", [{ introduced: "1.0.0", lastAffected: "1.4.2" }]],
    [">1.0.0", [{ introduced: "1.0.1-0" }]],
    ["1.2.3", [{ introduced: "1.2.3", lastAffected: "1.2.3" }]],
    ["*", [{ introduced: null }]],
    [
      "<1.0.0 || ^2.1.0",
      [
        { introduced: null, fixed: "1.0.0" },
        { introduced: "2.1.0", fixed: "3.0.0-0" },
      ],
    ],
    [">2.0.0 <1.0.0", []],
    ["no range", []],
  ])("%s", (text, intervals) => {
    expect(intervalsOf(text)).toEqual(intervals);
  });

  test("have the versions that isInRange lets through, and no others", () => {
    assert(
      property(range, version, (text, of) => {
        const isInside = intervalsOf(text).some((interval) => contains(interval, of));
        expect([text, of, isInside]).toEqual([text, of, isInRange(of, text)]);
      }),
      { numRuns: 5_000 },
    );
  });
});
