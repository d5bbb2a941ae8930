import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { effectiveNow, keepFloor, raiseFloor, restoreClock, takeOffset } from "./license-clock.ts";
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

test("what is kept of the floor is what the counter has passed, whatever the wall clock says", () => {
  const clock = { floor: NOON, floorAt: 5, offset: null };
  const time = fc.integer({ min: 0, max: 3_650 * DAY });
  const property = fc.property(time, time, (system, monotonic) => {
    const kept = keepFloor(clock, { system, monotonic });
    if (kept === null) return monotonic - 5 < HOUR;
    return kept.floor === NOON + monotonic - 5 && keepFloor(kept, { system, monotonic }) === null;
  });
  fc.assert(property);
  expect(keepFloor(fresh, { system: NOON, monotonic: DAY })).toBeNull();
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

test("time that has passed since the floor is not taken back by a clock that was set back", () => {
  const clock = { floor: NOON, floorAt: 100, offset: null };
  expect(effectiveNow(clock, { system: 7, monotonic: 100 + HOUR })).toBe(NOON + HOUR);
});

test("a lower signed time that comes later moves the floor, not the time", () => {
  const clock = { floor: NOON, floorAt: 0, offset: null };
  const reading = { system: 7, monotonic: 2 * HOUR };
  const raised = raiseFloor(clock, NOON + HOUR, reading);
  expect(raised).toEqual({ floor: NOON + HOUR, floorAt: HOUR, offset: null });
  expect(effectiveNow(raised, reading)).toBe(NOON + 2 * HOUR);
});

describe("server time over a restart of the process", () => {
  const stored = { floor: 0, offset: { server: NOON, monotonic: 5 * HOUR, boot: "one" } };

  test("goes on while the machine was not started anew", () => {
    const reading = { system: 7, monotonic: 6 * HOUR, boot: "one" };
    expect(effectiveNow(restoreClock(stored, reading), reading)).toBe(NOON + HOUR);
  });

  test.each([
    ["after another start of the machine", { monotonic: 6 * HOUR, boot: "two" }],
    ["where the system does not tell", { monotonic: 6 * HOUR }],
    ["from a counter that runs behind", { monotonic: 4 * HOUR, boot: "one" }],
    ["that is stale", { monotonic: 53 * HOUR, boot: "one" }],
  ])("does not count %s", (_, { monotonic, ...boot }) => {
    const reading = { system: 7, monotonic, ...boot };
    expect(effectiveNow(restoreClock(stored, reading), reading)).toBe(7);
  });
});

describe("whatever signed times come, in whatever order", () => {
  const moments = fc.array(
    fc.record({ signed: fc.nat(400 * DAY), system: fc.nat(400 * DAY), passed: fc.nat(DAY) }),
    { maxLength: 20 },
  );

  test("the floor never goes back, and no step goes further than a day past clock and floor", () => {
    fc.assert(
      fc.property(moments, (steps) => {
        let [clock, monotonic] = [fresh, 0];
        for (const { signed, system, passed } of steps) {
          monotonic += passed;
          const raised = raiseFloor(clock, signed, { system, monotonic });
          expect(raised.floor).toBeGreaterThanOrEqual(clock.floor);
          expect(raised.floor).toBeLessThanOrEqual(
            Math.max(clock.floor, Math.max(system, clock.floor) + DAY),
          );
          clock = raised;
        }
      }),
    );
  });

  test("the time of a process never goes back while its wall clock does not", () => {
    fc.assert(
      fc.property(moments, (steps) => {
        let [clock, monotonic, last] = [fresh, 0, 0];
        for (const { signed, passed } of steps) {
          monotonic += passed;
          const reading = { system: 0, monotonic };
          clock = raiseFloor(clock, signed, reading);
          const now = effectiveNow(clock, reading);
          expect(now).toBeGreaterThanOrEqual(last);
          last = now;
        }
      }),
    );
  });
});
