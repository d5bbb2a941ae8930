import { expect, test } from "vitest";
import { countHosts, hostChoices, hostSteps, hostTags } from "./host-grid.ts";

function runsOn(range: string | null, major: number, minor: number | null): boolean {
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

test.each([
  null,
  "*",
  "^2.1.0",
  ">=1.5.2",
  "<2.0.0",
  "<2.0.0-beta.1",
  "2.0.0-beta.1",
  "1.x || 3.2.x || >=25.3.0",
  ">=2.40.0 <2.41.0",
  ">=2.0.0 <1.0.0",
])("a plugin for hosts %j is counted where the filter by a major finds it", (range) => {
  const steps = hostSteps(range);
  const counted = countHosts((step) => Number(steps.includes(step)));
  expect(counted.length).toBe(20);
  expect(counted).toEqual(counted.map((_, major) => Number(runsOn(range, major, null))));
});

test("a major that is later than the last one is as late as it gets", () => {
  expect(runsOn("<19.4.0", 25, null)).toBe(false);
  expect(runsOn(">=25.3.0", 25, null)).toBe(true);
});

test("hostTags() is a bounded number of words for any range", () => {
  for (const range of ["*", ">0.0.1", ">=1.1.1 <9.9.9", "<1.5.0 || >1.6.0 <2.7.0 || >3.1.0"]) {
    expect(hostTags(range).length).toBeLessThan(120);
  }
});
