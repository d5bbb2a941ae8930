import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  createLicenseFixture,
  DAY,
  HOUR,
  type LicenseFixture,
  NOON,
  PLUGIN,
} from "./license-fixture.ts";
import type { LicenseEvent } from "./license-news.ts";

let world: LicenseFixture;
let server: LicenseFixture["server"];
let time: LicenseFixture["time"];
beforeEach(async () => {
  world = await createLicenseFixture();
  ({ server, time } = world);
});
afterEach(() => world.close());

const MINUTE = 60_000;

const told = (events: readonly LicenseEvent[]) =>
  events.map(({ before, state, reason, warning }) => `${before} ${state} ${reason} ${warning}`);

/** Looks every hour for so many days. */
async function lookFor(days: number, keeper: { look(): Promise<void> }): Promise<void> {
  for (let hour = 0; hour < days * 24; hour++) {
    world.pass(HOUR);
    await keeper.look();
  }
}

describe("listeners hear", () => {
  test("of an activation, a renewal and a return", async () => {
    const { licenses, keeper, events } = await world.startActivated();
    await keeper.tell();
    world.pass(15 * DAY);
    await keeper.tell();
    await keeper.look();
    await licenses.returnLease(PLUGIN);
    await keeper.tell();
    expect(told(events)).toEqual([
      "none active activated null",
      "active grace unrenewed renewal",
      "grace active renewed null",
      "active none returned null",
    ]);
    expect(events[1]).toMatchObject({
      plugin: PLUGIN,
      until: "2026-11-07T12:00:00.000Z",
      at: "2026-10-25T12:00:00.000Z",
    });
  });

  test("of 13 quiet days, a banner, the grace and the end of it while the marketplace is away", async () => {
    const { keeper, events, warnings } = await world.startActivated();
    await keeper.tell();
    server.lose = "request";
    await lookFor(30, keeper);
    expect(events.map(({ at, state, warning }) => [at.slice(5, 13), state, warning])).toEqual([
      ["10-10T12", "active", null],
      ["10-23T12", "active", "renewal"],
      ["10-24T12", "grace", "renewal"],
      ["11-07T12", "restricted", "restricted"],
    ]);
    expect(warnings).toEqual([`The license of ${PLUGIN} could not be renewed`]);
    server.lose = null;
    await lookFor(1, keeper);
    expect(told(events).at(-1)).toBe("restricted active renewed null");
  });

  test("of what happened while no process ran, once", async () => {
    const first = await world.startActivated();
    await first.keeper.tell();
    world.pass(20 * DAY);
    server.lose = "request";
    const second = await world.restart();
    await second.keeper.look();
    expect(told(second.events)).toEqual(["active grace unrenewed renewal"]);
    const third = await world.restart();
    await third.keeper.look();
    expect(third.events).toEqual([]);
  });

  test("of a refusal, and of one that takes effect", async () => {
    const { keeper, events } = await world.startActivated();
    await keeper.tell();
    server.refusal = "refunded";
    world.pass(DAY);
    await keeper.look();
    world.pass(14 * DAY);
    await keeper.look();
    expect(told(events).slice(1)).toEqual([
      "active active warned refused",
      "active restricted refused restricted",
    ]);
  });

  test("of a version that a perpetual license does not cover", async () => {
    server.lic = { ...server.lic, kind: "perpetual", updatesUntil: NOON / 1000 };
    const { keeper, events } = await world.startActivated({ publishedAt: NOON + DAY });
    await keeper.tell();
    expect(told(events)).toEqual(["none restricted not-covered restricted"]);
  });

  test("of more installations than seats", async () => {
    server.lic = { ...server.lic, overage: true };
    const { keeper, events } = await world.startActivated();
    await keeper.tell();
    expect(told(events)).toEqual(["none active activated overage"]);
  });

  test("nothing that is not new, and no listener of another's exception", async () => {
    const { keeper, events, warnings } = await world.startActivated();
    const stop = keeper.on(() => {
      throw new Error("a listener");
    });
    for (let times = 0; times < 3; times++) await keeper.tell();
    await vi.waitFor(() => expect(warnings).toEqual(["A license listener failed"]));
    expect(events).toHaveLength(1);
    stop();
  });
});

describe("a renewal comes", () => {
  test("before a state gets worse, whatever wait a failure has set", async () => {
    const { licenses, keeper, events } = await world.startActivated();
    await keeper.tell();
    world.pass(14 * DAY - MINUTE);
    server.refuse = "unavailable";
    server.retryAfter = 20_000;
    await keeper.look();
    server.refuse = null;
    const renewals = server.rids.length;
    world.pass(2 * MINUTE);
    await keeper.look();
    expect(server.rids.length).toBeGreaterThan(renewals);
    expect(licenses.check(PLUGIN)?.state).toBe("active");
    expect(told(events)).toEqual([
      "none active activated null",
      "active active warned renewal",
      "active active warned null",
    ]);
  });

  test("before a license that slept through its grace is told to be restricted", async () => {
    const { keeper, events, licenses } = await world.startActivated();
    await keeper.tell();
    world.time.server += 40 * DAY;
    world.time.system += 40 * DAY;
    await keeper.look();
    expect(licenses.check(PLUGIN)?.state).toBe("active");
    expect(told(events)).toEqual(["none active activated null"]);
  });

  test.each([
    ["forward", 3 * HOUR],
    ["back", -3 * HOUR],
  ])("after the clock was set %s", async (_, jump) => {
    const { keeper } = await world.startActivated();
    await keeper.look();
    expect(server.seq).toBe(1);
    time.system += jump;
    await keeper.look();
    expect(server.seq).toBe(2);
    await keeper.look();
    expect(server.seq).toBe(2);
  });

  test("for a floating license, which lasts an hour", async () => {
    server.lic = { ...server.lic, kind: "floating", grace: 86_400 };
    server.leaseSeconds = 3_600;
    const { keeper, licenses, events } = await world.startActivated();
    for (let minute = 0; minute < 180; minute++) {
      world.pass(MINUTE);
      await keeper.look();
    }
    expect(licenses.check(PLUGIN)?.state).toBe("active");
    expect(told(events)).toEqual(["none active activated null"]);
    expect(server.seq).toBeLessThan(12);
  });

  test("a minute after a failure, then later and later, up to an hour", async () => {
    const { keeper } = await world.startActivated();
    world.pass(DAY);
    server.refuse = "unavailable";
    const waits: number[] = [];
    let last = 0;
    for (let minute = 0; minute < 300; minute++) {
      const before = server.rids.length;
      await keeper.look();
      if (server.rids.length > before) {
        waits.push(minute - last);
        last = minute;
      }
      world.pass(MINUTE);
    }
    expect(waits).toEqual([0, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
  });

  test("no sooner than the marketplace asks for", async () => {
    const { keeper } = await world.startActivated();
    world.pass(DAY);
    server.refuse = "limit_rate";
    server.retryAfter = 7_200;
    await keeper.look();
    const asked = server.rids.length;
    world.pass(2 * HOUR - MINUTE);
    await keeper.look();
    expect(server.rids).toHaveLength(asked);
    world.pass(MINUTE);
    await keeper.look();
    expect(server.rids).toHaveLength(asked + 1);
  });

  test("also when an absurd wait was asked for", async () => {
    const { keeper } = await world.startActivated();
    world.pass(DAY);
    server.refuse = "limit_rate";
    server.retryAfter = 999_999_999;
    await keeper.look();
    server.refuse = null;
    world.pass(6 * HOUR);
    await keeper.look();
    expect(server.seq).toBe(2);
  });

  test("after a failure while the clock stood years ahead", async () => {
    await world.startActivated();
    time.system += 3_000 * DAY;
    server.lose = "request";
    const { keeper, licenses } = await world.restart();
    await keeper.look();
    time.system -= 3_000 * DAY;
    server.lose = null;
    world.pass(HOUR);
    await keeper.look();
    expect(server.seq).toBe(2);
    expect(licenses.check(PLUGIN)?.state).toBe("active");
  });

  test("while the clock stands still", async () => {
    const { licenses } = await world.startActivated();
    world.pass(3 * DAY);
    time.system = NOON;
    await licenses.renewDue();
    expect(server.seq).toBe(2);
  });
});

test("a seat whose return was not heard is returned later, by itself", async () => {
  const { licenses } = await world.startActivated();
  server.lose = "request";
  await expect(licenses.returnLease(PLUGIN)).rejects.toThrow();
  const { keeper, licenses: next } = await world.restart();
  await keeper.look();
  expect(server.returned).toBe(false);
  server.lose = null;
  world.pass(HOUR);
  await keeper.look();
  expect(server.returned).toBe(true);
  expect(next.check(PLUGIN)).toBeNull();
  const asked = server.rids.length;
  await lookFor(2, keeper);
  expect(server.rids).toHaveLength(asked);
});

test("a seat that the marketplace does not know any more needs no return", async () => {
  const { licenses, keeper } = await world.startActivated();
  server.refuse = "license_refused";
  await licenses.returnLease(PLUGIN);
  const asked = server.rids.length;
  await lookFor(1, keeper);
  expect(server.rids).toHaveLength(asked);
});

describe("a clock that is set back before a restart", () => {
  test("revives nothing that ended while a process ran, also without the marketplace", async () => {
    const { keeper } = await world.startActivated();
    server.lose = "request";
    await lookFor(40, keeper);
    time.system = NOON;
    const { licenses, keeper: next } = await world.restart();
    expect(licenses.check(PLUGIN)?.state).toBe("restricted");
    await lookFor(1, next);
    time.system = NOON;
    expect((await world.restart()).licenses.now()).toBe(NOON + 41 * DAY);
  });

  test("takes back what a process saw that ran for less than an hour, and no more", async () => {
    const { keeper } = await world.startActivated();
    world.pass(HOUR - 1);
    await keeper.look();
    time.system = NOON;
    expect((await world.restart()).licenses.now()).toBe(NOON);
  });

  test("one that stood years ahead meanwhile is forgotten again", async () => {
    const { keeper } = await world.startActivated();
    server.lose = "request";
    time.system += 3_000 * DAY;
    await lookFor(3, keeper);
    time.system -= 3_000 * DAY;
    const { licenses } = await world.restart();
    expect(licenses.now()).toBe(NOON + 3 * DAY);
    expect(licenses.check(PLUGIN)?.state).toBe("active");
  });
});

test("a keeper that was closed looks no more", async () => {
  const { keeper } = await world.startActivated();
  keeper.start();
  await keeper.close();
  keeper.start();
  await keeper.close();
});
