import { expect, test } from "vitest";
import { hostChoices, hostTags } from "./host-grid.ts";

function runsOn(range: string | null, major: number, minor: number): boolean {
  const tags = new Set(hostTags(range));
  return hostChoices({ major, minor }).some((choice) => tags.has(choice));
}

test.each([
  [null, [3, 4], true],
  [">=1.2.0 <2.0.0", [1, 1], false],
  [">=1.2.0 <2.0.0", [1, 2], true],
  [">=1.2.0 <2.0.0", [1, 99], true],
  [">=1.2.0 <2.0.0", [2, 0], false],
  ["^1.0.0", [1, 0], true],
  ["^1.0.0", [0, 9], false],
  [">=1.5.2", [1, 5], true],
  [">=1.5.2", [1, 4], false],
  [">=1.5.2", [7, 0], true],
  [">=1.5.2", [400, 2], true],
  [">=25.3.0", [25, 3], true],
  ["<19.4.0", [25, 3], false],
  ["~2.31.0", [2, 31], true],
  ["1.x || 3.2.x", [3, 2], true],
  ["1.x || 3.2.x", [3, 3], false],
  ["1.x || 3.2.x", [2, 2], false],
  ["*", [0, 0], true],
])("a plugin for hosts %j runs on %j: %j", (range, [major = 0, minor = 0], expected) => {
  expect(runsOn(range, major, minor)).toBe(expected);
});

test("hostTags() is a bounded number of words for any range", () => {
  for (const range of ["*", ">0.0.1", ">=1.1.1 <9.9.9", "<1.5.0 || >1.6.0 <2.7.0 || >3.1.0"]) {
    expect(hostTags(range).length).toBeLessThan(120);
  }
});
