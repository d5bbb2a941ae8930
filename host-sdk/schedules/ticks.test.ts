import { RbsmError } from "@rising-bsm/protocol";
import { assert, integer, property, tuple } from "fast-check";
import { expect, test } from "vitest";
import { jitterOf, nextTick, timezoneOf } from "./ticks.ts";

const MINUTE = 60_000;

function ticks(cron: string, timezone: string, { from, count }: { from: string; count: number }) {
  const found: string[] = [];
  let after = Date.parse(from);
  while (found.length < count) {
    const next = nextTick(cron, timezone, after);
    if (next === null) break;
    found.push(new Date(next).toISOString().slice(0, 16));
    after = next;
  }
  return found;
}

test("a planned time is in the host's time zone", () => {
  const from = "2026-01-05T00:00Z";
  expect(ticks("0 7 * * 1-5", "UTC", { from, count: 1 })).toEqual(["2026-01-05T07:00"]);
  expect(ticks("0 7 * * 1-5", "Europe/Berlin", { from, count: 1 })).toEqual(["2026-01-05T06:00"]);
});

test("a fixed time in the hour that summer time leaves out runs at its end", () => {
  const from = "2026-03-28T12:00Z";
  expect(ticks("30 2 * * *", "Europe/Berlin", { from, count: 2 })).toEqual([
    "2026-03-29T01:00",
    "2026-03-30T00:30",
  ]);
  expect(ticks("*/30 2 * * *", "Europe/Berlin", { from, count: 1 })).toEqual(["2026-03-30T00:00"]);
});

test("a fixed time in the hour that comes twice runs once, a repeated one in both", () => {
  const from = "2026-10-24T12:00Z";
  expect(ticks("30 2 * * *", "Europe/Berlin", { from, count: 2 })).toEqual([
    "2026-10-25T00:30",
    "2026-10-26T01:30",
  ]);
  expect(ticks("*/30 2 * * *", "Europe/Berlin", { from, count: 5 })).toEqual([
    "2026-10-25T00:00",
    "2026-10-25T00:30",
    "2026-10-25T01:00",
    "2026-10-25T01:30",
    "2026-10-26T01:00",
  ]);
});

test("every hour is every hour, whatever the clocks do", () => {
  for (const from of ["2026-03-28T22:30Z", "2026-10-24T22:30Z"]) {
    const found = ticks("0 * * * *", "Europe/Berlin", { from, count: 6 }).map((at) =>
      Date.parse(`${at}Z`),
    );
    expect(found.map((at) => (at - Date.parse(from)) / MINUTE)).toEqual([
      30, 90, 150, 210, 270, 330,
    ]);
  }
});

test("the last day of the month, the second Friday, and days that never come", () => {
  const from = "2026-01-31T12:00Z";
  expect(ticks("0 0 L * *", "UTC", { from, count: 2 })).toEqual([
    "2026-02-28T00:00",
    "2026-03-31T00:00",
  ]);
  expect(ticks("0 9 * * 5#2", "UTC", { from, count: 1 })).toEqual(["2026-02-13T09:00"]);
  expect(ticks("0 0 29 2 *", "UTC", { from, count: 1 })).toEqual(["2028-02-29T00:00"]);
  expect(ticks("0 0 30 2 *", "UTC", { from, count: 1 })).toEqual([]);
});

test("the next time is the first minute that fits, from any millisecond on", () => {
  const any = tuple(
    integer({ min: 1, max: 59 }),
    integer({ min: 0, max: 23 }),
    integer({ min: Date.UTC(2020, 0), max: Date.UTC(2035, 0) }),
  );
  assert(
    property(any, ([minute, hour, after]) => {
      let expected = Math.floor(after / MINUTE) * MINUTE + MINUTE;
      const fits = (at: number) =>
        new Date(at).getUTCMinutes() === minute && new Date(at).getUTCHours() === hour;
      while (!fits(expected)) expected += MINUTE;
      expect(nextTick(`${minute} ${hour} * * *`, "UTC", after)).toBe(expected);
    }),
    { numRuns: 200 },
  );
});

test("jitter is at most a tenth of the interval and a minute, and the same each time", () => {
  const found = Array.from({ length: 500 }, (_, i) => jitterOf(`instance-${i}`, MINUTE));
  expect(Math.max(...found)).toBeLessThan(6_000);
  expect(Math.max(...found)).toBeGreaterThan(5_500);
  expect(Math.min(...found)).toBeGreaterThanOrEqual(0);
  expect(new Set(found).size).toBeGreaterThan(400);
  expect(jitterOf("one", 24 * 60 * MINUTE)).toBe(jitterOf("one", 24 * 60 * MINUTE));
  expect(jitterOf("one", 24 * 60 * MINUTE)).toBeLessThan(MINUTE);
});

test("a time zone that does not exist is refused", () => {
  expect(timezoneOf("europe/berlin")).toBe("Europe/Berlin");
  expect(timezoneOf(undefined)).not.toBe("");
  expect(() => timezoneOf("Mars/Olympus")).toThrow(RbsmError);
});
