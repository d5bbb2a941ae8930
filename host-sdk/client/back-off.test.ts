import { CLIENT_LIMITS } from "@rising-bsm/protocol";
import { assert, constantFrom, double, integer, option, property, record } from "fast-check";
import { expect, test } from "vitest";
import { pauseAfter } from "./back-off.ts";
import { isTooSlow } from "./load-part.ts";
import { firstByteOf } from "./range-answer.ts";
import { readRetryAfter } from "./retry-after.ts";

const chance = double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test("a pause is any time up to twice the one before, and never shorter than was asked for", () => {
  assert(
    property(
      integer({ min: 1, max: 3 }),
      chance,
      integer({ min: 0, max: 10_000 }),
      (failures, at, asked) => {
        const wait = pauseAfter({ askedMs: asked, failures, baseMs: 100 }, () => at) ?? -1;
        expect(wait).toBeGreaterThanOrEqual(asked);
        expect(wait).toBeLessThanOrEqual(asked + 100 * 2 ** (failures + 1));
      },
    ),
  );
  const spread = (random: number) =>
    pauseAfter({ askedMs: 0, failures: 1, baseMs: 100 }, () => random);
  expect([spread(0), spread(0.5)]).toEqual([0, 200]);
});

test("who asks for more than ten seconds, or has failed too often, is not asked again", () => {
  expect(pauseAfter({ askedMs: 10_001, failures: 1 })).toBeNull();
  expect(pauseAfter({ askedMs: 0, failures: CLIENT_LIMITS.attempts })).toBeNull();
});

test("a Retry-After is a time from 0 on, or nothing", () => {
  const part = constantFrom(
    "120",
    "0",
    "Wed, 21 Oct 2026 07:28:00 GMT",
    "Thu, 22 Oct 2026 00:00:00 GMT",
    "x",
    "-1",
    "1e9",
    "Wed, 99 Oct 2026 07:28:00 GMT",
    "",
  );
  assert(
    property(option(part), option(part), (retryAfter, date) => {
      const headers = new Headers();
      if (retryAfter !== null) headers.set("Retry-After", retryAfter);
      if (date !== null) headers.set("Date", date);
      const ms = readRetryAfter(headers);
      if (ms !== null) expect(ms >= 0 && Number.isFinite(ms)).toBe(true);
    }),
  );
});

const range = (status: number, contentRange: string, length?: number) => ({
  status,
  headers: new Headers({
    "content-range": contentRange,
    ...(length === undefined ? {} : { "content-length": String(length) }),
  }),
});

const compressed = (answer: ReturnType<typeof range>) => {
  answer.headers.set("content-encoding", "gzip");
  return answer;
};

test.each([
  ["the rest", range(206, "bytes 30-99/100", 70), 30],
  ["the rest of a size that is not said", range(206, "bytes 30-99/*"), 30],
  ["a part of the rest", range(206, "bytes 30-59/100", 30), 30],
  ["the whole", range(200, "", 100), 0],
  ["a later part", range(206, "bytes 40-99/100", 60), null],
  ["an earlier part", range(206, "bytes 0-99/100", 100), null],
  ["another file's size", range(206, "bytes 30-99/101", 70), null],
  ["more than there is", range(206, "bytes 30-100/*", 71), null],
  ["a range that runs backwards", range(206, "bytes 30-29/100", 0), null],
  ["another length than its range", range(206, "bytes 30-99/100", 69), null],
  ["no range at all", range(206, ""), null],
  ["another unit", range(206, "lines 30-99/100", 70), null],
  ["nothing", range(204, ""), null],
  ["a compressed rest", compressed(range(206, "bytes 30-99/100", 70)), null],
])("an answer with %s", (_, answer, expected) => {
  expect(firstByteOf(answer, { from: 30, size: 100 })).toBe(expected);
});

test("a part that nobody asked for is no answer", () => {
  expect(firstByteOf(range(206, "bytes 0-99/100", 100), { from: 0, size: 100 })).toBeNull();
});

test("whatever a range says, it is written where the file goes on, or at its beginning", () => {
  const number = integer({ min: 0, max: 120 });
  assert(
    property(
      record({
        first: number,
        last: number,
        total: number,
        length: option(number),
        from: integer({ min: 0, max: 99 }),
      }),
      ({ first, last, total, length, from }) => {
        const answer = range(206, `bytes ${first}-${last}/${total}`, length ?? undefined);
        const at = firstByteOf(answer, { from, size: 100 });
        if (at !== null) expect([at, first, total, last < 100]).toEqual([from, from, 100, true]);
      },
    ),
  );
});

test("a place is too slow when it would not be done in time, after half a minute", () => {
  const pace = { done: 10, rest: 90, spentMs: 30_000, leftMs: 270_000 };
  expect(isTooSlow(pace)).toBe(false);
  expect(isTooSlow({ ...pace, leftMs: 269_999 })).toBe(true);
  expect(isTooSlow({ ...pace, leftMs: 0, spentMs: 29_999 })).toBe(false);
  expect(isTooSlow({ ...pace, leftMs: 0, rest: 0 })).toBe(false);
});
