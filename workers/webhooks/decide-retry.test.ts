import { WEBHOOK_LIMITS } from "@rising-bsm/protocol";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { afterFailure, readRetryAfter } from "./decide-retry.ts";

const NOW = Date.UTC(2026, 10, 23, 12);
const MINUTE_MS = 60_000;
const failed = {
  delivered: false,
  status: 500,
  problem: "It answered 500",
  retryAfterMs: null,
} as const;
const fresh = { attempts: 0, failingSince: null };

test.each([
  [0, 1],
  [1, 2],
  [4, 16],
  [8, 256],
  [9, 360],
  [1_000, 360],
])("after %i failures the next pause is %i minutes", (attempts, minutes) => {
  const before = { attempts, failingSince: attempts === 0 ? null : NOW - 1 };
  const { nextAttemptAt } = afterFailure(before, failed, NOW);
  expect(nextAttemptAt).toBe(NOW + minutes * MINUTE_MS);
});

test("it waits as long as the receiver asks for, up to the longest pause", () => {
  const wait = (retryAfterMs: number) =>
    Number(afterFailure(fresh, { ...failed, retryAfterMs }, NOW).nextAttemptAt) - NOW;
  expect(wait(1)).toBe(MINUTE_MS);
  expect(wait(10 * MINUTE_MS)).toBe(10 * MINUTE_MS);
  expect(wait(1e15)).toBe(WEBHOOK_LIMITS.retryMaxMs);
});

test("410 is the end at once", () => {
  expect(afterFailure(fresh, { ...failed, status: 410 }, NOW).disabledAt).toBe(NOW);
});

test("a receiver that never answers well is given up after five days, not before and not much later", () => {
  let [webhook, now, tries] = [afterFailure(fresh, failed, NOW), NOW, 1];
  while (webhook.disabledAt === null) {
    now = webhook.nextAttemptAt ?? now;
    webhook = afterFailure(webhook, failed, now);
    tries += 1;
  }
  const failedFor = webhook.disabledAt - NOW;
  expect(failedFor).toBeGreaterThanOrEqual(WEBHOOK_LIMITS.disableAfterMs);
  expect(failedFor).toBeLessThan(WEBHOOK_LIMITS.disableAfterMs + WEBHOOK_LIMITS.retryMaxMs);
  expect(tries).toBeLessThan(40);
});

test("whatever fails, the next try is between a minute and six hours away, and the first failure is remembered", () => {
  const anyFailure = fc.record({
    delivered: fc.constant(false as const),
    status: fc.option(fc.integer({ min: 300, max: 599 })),
    problem: fc.string(),
    retryAfterMs: fc.option(fc.double({ min: 1, noNaN: true })),
  });
  const anyBefore = fc.oneof(
    fc.constant(fresh),
    fc.record({
      attempts: fc.integer({ min: 1, max: 100_000 }),
      failingSince: fc.integer({ min: NOW - 10 * WEBHOOK_LIMITS.disableAfterMs, max: NOW }),
    }),
  );
  fc.assert(
    fc.property(anyBefore, anyFailure, (before, failure) => {
      const after = afterFailure(before, failure, NOW);
      expect(after.attempts).toBe(before.attempts + 1);
      expect(after.failingSince).toBe(before.failingSince ?? NOW);
      expect(after.nextAttemptAt).toBeGreaterThanOrEqual(NOW + WEBHOOK_LIMITS.retryMs);
      expect(after.nextAttemptAt).toBeLessThanOrEqual(NOW + WEBHOOK_LIMITS.retryMaxMs);
    }),
  );
});

test.each([
  ["120", 120_000],
  ["Mon, 23 Nov 2026 12:01:00 GMT", 60_000],
  ["Mon, 23 Nov 2026 11:59:00 GMT", null],
  ["0", null],
  ["-5", null],
  ["soon", null],
  ["99999999999999999999", null],
  [null, null],
])("Retry-After: %s is %s ms", (header, wait) => {
  expect(readRetryAfter(header, NOW)).toBe(wait);
});
