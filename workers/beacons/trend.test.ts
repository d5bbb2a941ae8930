import { BEACON_LIMITS } from "@rising-bsm/protocol";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { addMomentum, trendingOf } from "./trend.ts";
import type { NewInstallations } from "./trend.ts";

const TODAY = 20_780;

function trendOf(days: readonly NewInstallations[], downloads = 0): number {
  const had = days.reduce((sum, { count }) => sum + count, downloads);
  return trendingOf(days.reduce(addMomentum, 0), had);
}

test("momentum is the logarithm of the weighed sum, in whatever order the days come", () => {
  const day = fc.record({ day: fc.integer({ min: TODAY - 60, max: TODAY }), count: fc.nat(5_000) });
  fc.assert(
    fc.property(fc.array(day, { minLength: 1, maxLength: 40 }), (days) => {
      const sum = days.reduce(
        (all, { day: at, count }) => all + count * 2 ** ((at - TODAY) / 7),
        0,
      );
      const momentum = days.toReversed().reduce(addMomentum, 0);
      if (sum === 0) expect(momentum).toBe(0);
      else expect(momentum - TODAY / 7).toBeCloseTo(Math.log2(sum), 6);
    }),
  );
});

test("what nobody has newly installed trends least, and nothing new changes nothing", () => {
  expect(trendingOf(0, 1_000)).toBe(0);
  expect(addMomentum(0, { day: TODAY, count: 0 })).toBe(0);
  expect(trendOf([{ day: TODAY - 3_000, count: 1 }])).toBeGreaterThan(0);
});

test.each([
  ["today before a week ago", [{ day: TODAY, count: 10 }], [{ day: TODAY - 7, count: 10 }]],
  ["more before fewer", [{ day: TODAY, count: 11 }], [{ day: TODAY, count: 10 }]],
  [
    "three weeks old and thrice as many do not make up for it",
    [{ day: TODAY, count: 10 }],
    [{ day: TODAY - 21, count: 30 }],
  ],
])("%s", (_, first, second) => {
  expect(trendOf(first)).toBeGreaterThan(trendOf(second));
});

test("what one network adds in a week trends less than many real installations of a large plugin", () => {
  const daily = (count: number, length = 60) =>
    Array.from({ length }, (_, at) => ({ day: TODAY - at, count }));
  const one = trendOf(daily(BEACON_LIMITS.newPerNetwork, 7));
  expect(one).toBeLessThan(trendOf(daily(50), 20_000));
  expect(trendOf([{ day: TODAY, count: BEACON_LIMITS.newPerNetwork }])).toBeLessThan(
    trendOf(daily(25), 20_000),
  );
});

test("a small plugin that grows comes before a large one that gets as many", () => {
  const week = [{ day: TODAY, count: 50 }];
  expect(trendOf(week, 20)).toBeGreaterThan(trendOf(week, 20_000));
});
