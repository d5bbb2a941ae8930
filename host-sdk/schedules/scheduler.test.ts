import { RbsmError } from "@rising-bsm/protocol";
import { beforeEach, expect, test } from "vitest";
import { codeOf } from "../testing/expectations.ts";
import type { Schedule } from "./scheduler.ts";
import {
  createScene,
  HELLO,
  HOUR,
  HOURLY,
  MINUTE,
  type Scene,
  START,
  untilAborted,
} from "./test-scene.ts";

let scene: Scene;
let clock: Scene["clock"];
let runs: Scene["runs"];
let startHost: Scene["startHost"];
let times: Scene["times"];
beforeEach(() => {
  scene = createScene();
  ({ clock, runs, startHost, times } = scene);
});

test("a schedule runs at its times, a little later each", async () => {
  const { scheduler } = startHost("a", HOURLY);
  await clock.pass(3.5 * HOUR);
  expect(times()).toEqual(["01:00", "02:00", "03:00"]);
  const [info] = await scheduler.describe(HELLO, [HOURLY]);
  expect(info).toMatchObject({
    runs: 3,
    failures: 0,
    skipped: 0,
    lastOutcome: "ok",
    running: false,
  });
  expect(info?.nextAt).toMatch(/^2026-03-02T04:00/);
  expect(info?.lastAt).toMatch(/^2026-03-02T03:00/);
});

test("a run that fails is recorded and tried again at the next time only", async () => {
  const host = startHost("a", HOURLY);
  host.work = async () => {
    throw new RbsmError("limit_cpu");
  };
  await clock.pass(1.5 * HOUR);
  expect(await host.scheduler.describe(HELLO, [HOURLY])).toMatchObject([
    { runs: 1, failures: 1, lastOutcome: "limit_cpu" },
  ]);
  host.work = async () => undefined;
  await clock.pass(HOUR);
  expect(times()).toEqual(["01:00", "02:00"]);
  expect(await host.scheduler.describe(HELLO, [HOURLY])).toMatchObject([
    { runs: 2, failures: 1, lastOutcome: "ok" },
  ]);
});

test("a schedule never runs beside itself; what came due meanwhile is left out", async () => {
  const host = startHost("a", HOURLY);
  let end = () => {};
  host.work = () => new Promise<void>((resolve) => (end = resolve));
  await clock.pass(3.5 * HOUR);
  expect(times()).toEqual(["01:00"]);
  expect(await codeOf(host.scheduler.runNow({ plugin: HELLO, name: "hourly" }))).toBe(
    "conflict_state",
  );
  end();
  await clock.pass(HOUR);
  expect(times()).toEqual(["01:00", "04:00"]);
  expect(await host.scheduler.describe(HELLO, [HOURLY])).toMatchObject([{ skipped: 1 }]);
});

test("what was missed while the host was down is made up once where that is wanted", async () => {
  const CATCH_UP = { ...HOURLY, name: "report", catchUp: true };
  const first = startHost("a", HOURLY, CATCH_UP);
  await clock.pass(1.5 * HOUR);
  await first.scheduler.close();
  clock.jump(5 * HOUR);
  runs.length = 0;
  const second = startHost("a");
  second.plugins = [{ plugin: HELLO, since: START, schedules: [HOURLY, CATCH_UP] }];
  second.scheduler.refresh();
  await clock.pass(10 * MINUTE);
  expect(runs).toEqual([{ host: "a", name: "report", at: "2026-03-02T06:30" }]);
  await clock.pass(HOUR);
  expect(runs.map(({ name, at }) => [name, at.slice(11)])).toContainEqual(["hourly", "07:00"]);
  expect(runs).toHaveLength(3);
  expect(await second.scheduler.describe(HELLO, [HOURLY])).toMatchObject([{ runs: 2, skipped: 1 }]);
});

test("a plugin that was disabled has missed nothing", async () => {
  const CATCH_UP = { ...HOURLY, catchUp: true };
  const host = startHost("a", CATCH_UP);
  await clock.pass(1.5 * HOUR);
  const { plugins } = host;
  host.plugins = [];
  host.scheduler.refresh();
  await clock.pass(5 * HOUR);
  expect(times()).toEqual(["01:00"]);
  expect(await host.scheduler.describe(HELLO, [CATCH_UP])).toMatchObject([
    { nextAt: null, runs: 1 },
  ]);
  host.plugins = plugins.map((plugin) => ({ ...plugin, since: clock.now() }));
  host.scheduler.refresh();
  await clock.pass(HOUR);
  expect(times()).toEqual(["01:00", "07:00"]);
});

test("a machine that slept makes up one run, or leaves it out", async () => {
  const CATCH_UP = { ...HOURLY, name: "report", catchUp: true };
  startHost("a", HOURLY, CATCH_UP);
  await clock.pass(MINUTE);
  clock.jump(4.5 * HOUR);
  await clock.pass(11 * MINUTE);
  expect(runs.map(({ name }) => name)).toEqual(["report"]);
});

test("closing cancels what runs; with catchUp the next start makes it up", async () => {
  const CATCH_UP = { ...HOURLY, catchUp: true };
  const first = startHost("a", CATCH_UP);
  first.work = untilAborted;
  await clock.pass(HOUR + MINUTE);
  await first.scheduler.close();
  expect(clock.timers()).toBe(0);
  expect(await first.scheduler.describe(HELLO, [CATCH_UP])).toMatchObject([
    { lastOutcome: "cancelled", running: false },
  ]);
  clock.jump(10 * MINUTE);
  const second = startHost("a");
  second.plugins = [{ plugin: HELLO, since: START, schedules: [CATCH_UP] }];
  second.scheduler.refresh();
  await clock.pass(MINUTE);
  expect(times()).toEqual(["01:00", "01:11"]);
});

test("a run by hand is recorded, throws what the plugin threw and moves no planned time", async () => {
  const host = startHost("a", HOURLY);
  await clock.pass(30 * MINUTE);
  await host.scheduler.runNow({ plugin: HELLO, name: "hourly" });
  host.work = async () => {
    throw new RbsmError("plugin_threw");
  };
  expect(await codeOf(host.scheduler.runNow({ plugin: HELLO, name: "hourly" }))).toBe(
    "plugin_threw",
  );
  host.work = async () => undefined;
  await clock.pass(HOUR);
  expect(times()).toEqual(["00:30", "00:30", "01:00"]);
  expect(await host.scheduler.describe(HELLO, [HOURLY])).toMatchObject([{ runs: 3, failures: 1 }]);
});

test("a schedule a year away is waited for, one that never comes is not", async () => {
  const YEARLY = { name: "yearly", cron: "0 0 1 3 *", catchUp: false };
  const NEVER = { name: "never", cron: "0 0 30 2 *", catchUp: false };
  const { scheduler } = startHost("a", YEARLY, NEVER);
  await clock.idle();
  expect(await scheduler.describe(HELLO, [YEARLY, NEVER])).toMatchObject([
    { nextAt: expect.stringMatching(/^2027-03-01T00:0/) },
    { nextAt: null },
  ]);
  clock.jump(363 * 24 * HOUR);
  await clock.pass(2 * 24 * HOUR);
  expect(runs).toMatchObject([{ name: "yearly", at: expect.stringMatching(/^2027-03-01T00:0/) }]);
});

test("no more than eight run at a time, and all of them in the end", async () => {
  const many = Array.from({ length: 30 }, (_, i) => ({ ...HOURLY, name: `s${i}` }));
  const host = startHost("a", ...many);
  let open = 0;
  let most = 0;
  host.work = async () => {
    most = Math.max(most, (open += 1));
    await new Promise<void>((resolve) => clock.setTimer(resolve, 10_000));
    open -= 1;
  };
  await clock.pass(1.5 * HOUR);
  expect(most).toBe(8);
  expect(runs).toHaveLength(30);
});

test("an update keeps the last run; a changed expression is planned anew", async () => {
  const host = startHost("a", HOURLY);
  await clock.pass(1.5 * HOUR);
  const changed = { ...HOURLY, cron: "45 * * * *" };
  host.plugins = [{ plugin: HELLO, since: clock.now(), schedules: [changed] }];
  host.scheduler.refresh();
  await clock.idle();
  expect(await host.scheduler.describe(HELLO, [changed])).toMatchObject([
    {
      runs: 1,
      lastAt: expect.stringMatching(/T01:00/),
      nextAt: expect.stringMatching(/T01:4[56]/),
    },
  ]);
  await clock.pass(HOUR);
  expect(times()).toHaveLength(2);
});

test("a store that fails costs a run and no more", async () => {
  let full = true;
  const working = scene.store;
  scene.store = {
    ...working,
    async commit(changes) {
      if (full) throw new RbsmError("disk_full");
      return working.commit(changes);
    },
  };
  const host = startHost("a", HOURLY);
  await clock.pass(1.5 * HOUR);
  expect(runs).toEqual([]);
  full = false;
  await clock.pass(HOUR);
  expect(times()).toEqual(["02:00"]);
  expect(await host.scheduler.describe(HELLO, [HOURLY])).toMatchObject([{ runs: 1 }]);
});

test("a clock that was a year ahead for a while does not stop a schedule for a year", async () => {
  clock.jump(365 * 24 * HOUR);
  const first = startHost("a", HOURLY);
  await clock.pass(1.5 * HOUR);
  await first.scheduler.close();
  clock.jump(-365 * 24 * HOUR);
  const second = startHost("a");
  second.plugins = [{ plugin: HELLO, since: START, schedules: [HOURLY] }];
  second.scheduler.refresh();
  runs.length = 0;
  await clock.pass(2 * HOUR);
  expect(times()).toEqual(["02:00", "03:00"]);
});

test("after a store that failed no schedule seems to run", async () => {
  const working = scene.store;
  let writes = 0;
  scene.store = {
    ...working,
    async commit(changes) {
      writes += 1;
      if (writes > 1) throw new RbsmError("disk_full");
      return working.commit(changes);
    },
  };
  const { scheduler } = startHost("a", HOURLY);
  const key = { plugin: HELLO, name: HOURLY.name };
  expect(await codeOf(scheduler.runNow(key))).toBe("disk_full");
  expect(await scheduler.describe(HELLO, [HOURLY])).toMatchObject([{ running: false }]);
});

test("planning a hundred schedules that never come leaves the event loop to others", async () => {
  const never = Array.from({ length: 100 }, (_, i): Schedule => {
    return { name: `never${i}`, cron: "0 0 31 2,4,6,9,11 *", catchUp: false };
  });
  let turns = 0;
  const count = () => {
    turns += 1;
    counting = setImmediate(count);
  };
  let counting = setImmediate(count);
  const { scheduler } = startHost("a", ...never);
  await scheduler.close();
  clearImmediate(counting);
  expect(turns).toBeGreaterThanOrEqual(99);
});
