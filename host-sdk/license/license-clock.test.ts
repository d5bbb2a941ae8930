import { expect, test } from "vitest";
import { effectiveNow, raiseFloor, takeOffset } from "./license-clock.ts";
import type { LicenseClock } from "./license-clock.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const NOON = Date.UTC(2026, 9, 10, 12);
const fresh: LicenseClock = { floor: 0, floorAt: 0, offset: null };

test("without a signed time the wall clock counts", () => {
  expect(effectiveNow(fresh, { system: NOON, monotonic: 5 })).toBe(NOON);
});

test("a wall clock set back behind the floor is not believed", () => {
  const clock = { floor: NOON, floorAt: 5, offset: null };
  expect(effectiveNow(clock, { system: NOON - 400 * DAY, monotonic: 5 })).toBe(NOON);
});

test.each([
  ["ten years ahead", NOON + 3_650 * DAY],
  ["in 1970", 0],
])("while server time is fresh a wall clock %s does not matter", (_, system) => {
  const clock = { floor: 0, floorAt: 0, offset: { server: NOON, monotonic: 1_000 } };
  expect(effectiveNow(clock, { system, monotonic: 1_000 + HOUR })).toBe(NOON + HOUR);
});

test("server time goes stale after 48 hours", () => {
  const clock = { floor: 0, floorAt: 0, offset: { server: NOON, monotonic: 0 } };
  expect(effectiveNow(clock, { system: 7, monotonic: 48 * HOUR - 1 })).toBe(NOON + 48 * HOUR - 1);
  expect(effectiveNow(clock, { system: 7 + 48 * HOUR, monotonic: 48 * HOUR })).toBe(7 + 48 * HOUR);
});

test("the floor follows a signed time that is near", () => {
  const reading = { system: NOON, monotonic: 0 };
  expect(raiseFloor(fresh, NOON - 5, reading).floor).toBe(NOON - 5);
  expect(raiseFloor({ ...fresh, floor: NOON }, NOON - 5, reading).floor).toBe(NOON);
});

test("one signed time in the far future moves the floor by a day at most", () => {
  const reading = { system: NOON, monotonic: 0 };
  expect(raiseFloor(fresh, NOON + 9_000 * DAY, reading).floor).toBe(NOON + DAY);
});

test.for([
  ["another nonce", "other", NOON, 10],
  ["no nonce", undefined, NOON, 10],
  ["an answer held back for three minutes", "n", NOON, 180_000],
] as const)("%s sets no offset", ([, nonce, issuedAt, monotonic]) => {
  const sent = { nonce: "n", monotonic: 0 };
  const answered = { sent, reading: { system: 0, monotonic } };
  expect(takeOffset(fresh, { issuedAt, nonce }, answered).offset).toBeNull();
  expect(
    takeOffset(fresh, { issuedAt, nonce: "n" }, { ...answered, sent: null }).offset,
  ).toBeNull();
});

test("an answer to the host's own nonce sets the offset from the moment it was sent", () => {
  const answered = { sent: { nonce: "n", monotonic: 40 }, reading: { system: 0, monotonic: 90 } };
  const clock = takeOffset(fresh, { issuedAt: NOON, nonce: "n" }, answered);
  expect(clock.offset).toEqual({ server: NOON, monotonic: 40 });
});
