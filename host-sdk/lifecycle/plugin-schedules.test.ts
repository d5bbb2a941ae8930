import { setImmediate as turn } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { codeOf, HELLO } from "../testing/expectations.ts";
import { createHostFixture, type HostFixture } from "../testing/host-fixture.ts";
import type { HostOptions } from "../host-options.ts";

let fixture: HostFixture;
beforeEach(async () => {
  fixture = await createHostFixture();
});
afterEach(() => fixture.close());

/** A clock for the host: time is what the test says, and its timers fire when the test says so. */
function testTime(start: string) {
  let now = Date.parse(start);
  const timers = new Set<{ at: number; work: () => void }>();
  return {
    now: () => new Date(now),
    setTimer(work: () => void, ms: number) {
      const timer = { at: now + ms, work };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    async to(time: string) {
      now = Date.parse(time);
      for (const timer of [...timers].filter(({ at }) => at <= now)) {
        timers.delete(timer);
        timer.work();
      }
      await turn();
    },
  } satisfies Partial<HostOptions> & { to(time: string): Promise<void> };
}

const CODE = `let runs = 0; export default {
  methods: { runs() { return runs; } },
  schedules: {
    morning() { runs += 1; },
    spin() { for (;;); },
    throws() { throw new Error("not today"); },
  } };`;
const manifest = {
  schedules: [
    { name: "morning", cron: "0 7 * * 1-5" },
    { name: "spin", cron: "0 0 1 1 *" },
    { name: "throws", cron: "0 0 1 1 *" },
    { name: "missing", cron: "0 0 1 1 *" },
  ],
};

test("a schedule of the manifest runs in the host's time zone, and an update keeps its last run", async () => {
  await fixture.market.publish({ name: HELLO, version: "1.0.0", code: CODE, manifest });
  const time = testTime("2026-03-02T04:00:00Z");
  const host = await fixture.open({
    now: time.now,
    setTimer: (work, ms) => time.setTimer(work, ms),
    timezone: "Europe/Berlin",
  });
  await host.install(HELLO);
  await expect
    .poll(() => host.schedules(HELLO))
    .toMatchObject([
      { name: "morning", nextAt: expect.stringMatching(/^2026-03-02T06:0[01]/) },
      {},
      {},
      {},
    ]);
  await time.to("2026-03-02T05:59:59Z");
  expect(await host.call(HELLO, "runs")).toBe(0);
  await time.to("2026-03-02T06:01:00Z");
  await expect.poll(() => host.call(HELLO, "runs"), { timeout: 15_000 }).toBe(1);
  const [ran] = await host.schedules(HELLO);
  expect(ran).toMatchObject({ lastOutcome: "ok", lastAt: "2026-03-02T06:01:00.000Z", runs: 1 });
  await fixture.market.publish({ name: HELLO, version: "1.1.0", code: CODE, manifest });
  await host.update(HELLO);
  expect((await host.schedules(HELLO))[0]).toMatchObject({ lastAt: ran?.lastAt, runs: 1 });
  await host.disable(HELLO);
  await time.to("2026-03-03T06:02:00Z");
  expect((await host.schedules(HELLO))[0]).toMatchObject({ nextAt: null, runs: 1 });
});

test("a host that is opened for an operation runs no schedule by itself", async () => {
  await fixture.market.publish({ name: HELLO, version: "1.0.0", code: CODE, manifest });
  const time = testTime("2026-03-02T04:00:00Z");
  const timers: number[] = [];
  const host = await fixture.open({
    now: time.now,
    runSchedules: false,
    setTimer(work, ms) {
      timers.push(ms);
      return time.setTimer(work, ms);
    },
  });
  await host.install(HELLO);
  expect(await host.schedules(HELLO)).toMatchObject([{ nextAt: null }, {}, {}, {}]);
  expect(timers).toEqual([]);
});

test("a run by hand ends with the plugin's result, under the limits of schedules", async () => {
  await fixture.market.publish({ name: HELLO, version: "1.0.0", code: CODE, manifest });
  const host = await fixture.open();
  await host.install(HELLO);
  expect(await host.runSchedule(HELLO, "morning")).toMatchObject({ lastOutcome: "ok", runs: 1 });
  expect(await codeOf(host.runSchedule(HELLO, "throws"))).toBe("plugin_threw");
  expect(await codeOf(host.runSchedule(HELLO, "missing"))).toBe("plugin_not_found");
  expect(await codeOf(host.runSchedule(HELLO, "nowhere"))).toBe("plugin_not_found");
  expect(await codeOf(host.runSchedule(HELLO, "spin"))).toBe("limit_cpu");
  expect(await host.schedules(HELLO)).toMatchObject([
    { name: "morning", runs: 1, failures: 0 },
    { name: "spin", failures: 1, lastOutcome: "limit_cpu" },
    { name: "throws", failures: 1, lastOutcome: "plugin_threw" },
    { name: "missing", failures: 1, lastOutcome: "plugin_not_found" },
  ]);
  const { lastMs } = (await host.schedules(HELLO)).find(({ name }) => name === "spin") ?? {};
  expect(lastMs).toBeGreaterThan(4_500);
});

test("a time zone that does not exist is refused when the host is opened", async () => {
  expect(await codeOf(fixture.open({ timezone: "Mars/Olympus" }))).toBe("usage");
  expect((await fixture.open({ timezone: "UTC" })).plugins()).toEqual([]);
});
