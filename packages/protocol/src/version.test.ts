import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  compareVersions,
  isInRange,
  isPrerelease,
  isVersion,
  isVersionRange,
  maxSatisfying,
  parseVersion,
  satisfies,
  versionSortKey,
} from "./version.ts";

test("the parts of a version", () => {
  expect(parseVersion("1.2.3-beta.4+build")).toEqual({
    major: 1,
    minor: 2,
    patch: 3,
    prerelease: ["beta", 4],
  });
});

test.each([
  "",
  "1",
  "1.0",
  "v1.0.0",
  "=1.0.0",
  " 1.0.0",
  "1.0.0 ",
  "1.0.0\n",
  "01.0.0",
  "1.0.0-01",
  "1.0.0-",
  "1.0.0-a..b",
  "^1.0.0",
  "1.x",
  "latest",
  "9007199254740993.0.0",
  "1.0.0-9007199254740993",
  `1.0.0-${"a".repeat(130)}`,
  "１.0.0",
])("%j is no version", (text) => {
  expect(isVersion(text)).toBe(false);
  expect(() => parseVersion(text)).toThrow(expect.objectContaining({ code: "request_invalid" }));
});

test("the order of the semver specification", () => {
  const ordered = [
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
    "2.0.0",
    "2.1.0",
    "2.1.1",
    "10.0.0",
  ];
  expect(ordered.toReversed().sort(compareVersions)).toEqual(ordered);
  expect(ordered.map(versionSortKey)).toEqual(ordered.map(versionSortKey).sort());
});

test("only versions can be compared", () => {
  expect(() => compareVersions("1", "1.0.0")).toThrow(
    expect.objectContaining({ code: "request_invalid" }),
  );
  expect(() => compareVersions("1.0.0", "1")).toThrow(
    expect.objectContaining({ code: "request_invalid" }),
  );
});

describe("versionSortKey()", () => {
  const part = fc.oneof(fc.nat(12), fc.nat(Number.MAX_SAFE_INTEGER - 1));
  const identifier = fc.oneof(
    part.map(String),
    fc.stringMatching(/^[0-9]{0,2}[a-zA-Z-][0-9a-zA-Z-]{0,3}$/),
  );
  const version = fc
    .tuple(
      part,
      part,
      part,
      fc.array(identifier, { maxLength: 3 }),
      fc.constantFrom("", "+1", "+b"),
    )
    .map(
      ([major, minor, patch, ids, build]) =>
        `${major}.${minor}.${patch}${ids.length > 0 ? "-" : ""}${ids.join(".")}${build}`,
    );
  const related = fc
    .tuple(version, version)
    .map(([a, b]) => [a, b.replace(/^\d+\.\d+\.\d+/, a.split(/[-+]/)[0] ?? "")] as const);

  test("orders as semver does", () => {
    fc.assert(
      fc.property(fc.oneof(fc.tuple(version, version), related), ([a, b]) => {
        const [left, right] = [versionSortKey(a), versionSortKey(b)];
        const order = left < right ? -1 : Number(left > right);
        expect(order).toBe(compareVersions(a, b));
      }),
      { numRuns: 3_000 },
    );
  });
});

test("prereleases are told from releases", () => {
  expect(isPrerelease("1.0.0-beta.1")).toBe(true);
  expect(isPrerelease("1.0.0+build")).toBe(false);
});

test.each<[string, string, boolean]>([
  ["1.2.3", "^1.2.0", true],
  ["2.0.0", "^1.2.0", false],
  ["1.3.0-beta", "^1.2.0", false],
  ["1", "*", false],
  ["1.0.0", "newest", false],
  ["1.0.0", "*".repeat(300), false],
])("satisfies(%j, %.20j) is %j", (version, range, expected) => {
  expect(satisfies(version, range)).toBe(expected);
});

test("a prerelease lies in a range like any other version, and what is no version in none", () => {
  expect(isInRange("1.2.3-rc.1", "<1.2.3")).toBe(true);
  expect(isInRange("1.2.3", "<1.2.3")).toBe(false);
  expect(isInRange("one", "*")).toBe(false);
  expect(isInRange("1.2.3", "< one")).toBe(false);
});

test("the highest version in a range", () => {
  expect(maxSatisfying(["1.0.0", "1.9.0", "1.10.0", "2.0.0", "junk"], "^1.0.0")).toBe("1.10.0");
  expect(maxSatisfying(["1.0.0"], "^2")).toBeNull();
  expect(maxSatisfying(["1.0.0"], "newest")).toBeNull();
  expect(isVersionRange(">=1 <2 || 3.x")).toBe(true);
});
