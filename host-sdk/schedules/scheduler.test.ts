import { setImmediate as turn } from "node:timers/promises";
import { RbsmError } from "@rising-bsm/protocol";
import { beforeEach, expect, test } from "vitest";
import type { HostStore } from "../store/host-store.ts";
import { createMemoryStore } from "../store/memory-store.ts";
import { codeOf } from "../testing/expectations.ts";
import {
  createScheduler,
  type Schedule,
  type Scheduler,
  type ScheduledPlugin,
} from "./scheduler.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const START = Date.parse("2026-03-02T00:00:00Z");
const HELLO = "@acme/hello";
const HOURLY: Schedule = { name: "hourly", cron: "0 * * * *", catchUp: false };

/** Time that passes only when a test says so; timers fire in order on the way. */
function createTestClock() {
  let now = START;
  const timers = new Set<{ readonly at: number; readonly work: () => void }>();
  const idle = async () => {
    for (let i = 0; i < 20; i += 1) await turn();
  };
  return {
    now: () => now,
    setTimer(work: () => void, ms: number) {
      const timer = { at: now + ms, work };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    timers: () => timers.size,
    idle,
    /** The machine sleeps or its clock is set: time is another, timers have not fired. */
    jump: (ms: number) => void (now += ms),
    async pass(ms: number) {
      const end = now + ms;
      for (;;) {
        await idle();
        const [next] = [...timers].sort((a, b) => a.at - b.at);
        if (next === undefined || next.at > end) break;
        now = Math.max(now, next.at);
        // Whatever is due in one moment begins before any of it gets on.
        for (const timer of [...timers].filter(({ at }) => at <= next.at)) {
          timers.delete(timer);
          timer.work();
        }
      }
      now = end;
    },
  };
}

let clock: ReturnType<typeof createTestClock>;
let store: HostStore;
let runs: { readonly host: string; readonly name: string; readonly at: string }[];
beforeEach(() => {
  clock = createTestClock();
  store = createMemoryStore();
  runs = [];
});

interface TestHost {
  readonly scheduler: Scheduler;
  plugins: ScheduledPlugin[];
  /** What the plugin does; at once by default. */
  work: (signal: AbortSignal) => Promise<unknown>;
  /** Its process is gone: nothing of it writes any more. */
  kill(): void;
  /** Its process stands still, and goes on where it was. */
  freeze(): () => void;
}

function startHost(host: string, ...schedules: Schedule[]): TestHost {
  let dead = false;
  let frozen: (() => void)[] | null = null;
  const fire = (work: () => void) => {
    if (frozen === null) work();
    else frozen.push(work);
  };
  const own: HostStore = {
    ...store,
    commit: (changes) => (dead ? new Promise(() => undefined) : store.commit(changes)),
  };
  const scheduler = createScheduler({
    store: own,
    clock: { now: clock.now, setTimer: (work, ms) => clock.setTimer(() => dead || fire(work), ms) },
    timezone: "UTC",
    instance: host,
    logger: { warn: () => undefined },
    active: () => made.plugins,
    run(key, signal) {
      runs.push({ host, name: key.name, at: new Date(clock.now()).toISOString().slice(0, 16) });
      return made.work(signal);
    },
  });
  const made: TestHost = {
    scheduler,
    plugins: [{ plugin: HELLO, since: clock.now(), schedules }],
    work: async () => undefined,
    kill: () => (dead = true),
    freeze() {
      const waiting: (() => void)[] = (frozen = []);
      return () => {
        frozen = null;
        for (const work of waiting) work();
      };
    },
  };
  scheduler.refresh();
  return made;
}

const times = () => runs.map(({ at }) => at.slice(11));
const untilAborted = (signal: AbortSignal) =>
  new Promise<never>((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(new RbsmError("cancelled")));
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
  runs = [];
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

test("of several hosts on one store one runs each time", async () => {
  const hosts = ["a", "b", "c"].map((name) => startHost(name, HOURLY));
  await clock.pass(6.5 * HOUR);
  expect(times()).toEqual(["01:00", "02:00", "03:00", "04:00", "05:00", "06:00"]);
  const [info] = await Promise.all(
    hosts.map(({ scheduler }) => scheduler.describe(HELLO, [HOURLY])),
  );
  expect(info).toMatchObject([{ runs: 6, skipped: 0 }]);
});

test("hosts that reach for a run in the same moment do not both get it", async () => {
  for (const _ of [1, 2, 3]) startHost("same", HOURLY);
  await clock.pass(2.5 * HOUR);
  expect(times()).toEqual(["01:00", "02:00"]);
});

test("a host that stood still for too long gives up the run that another one took over", async () => {
  const CATCH_UP = { ...HOURLY, catchUp: true };
  const [a, b] = [startHost("a", CATCH_UP), startHost("b", CATCH_UP)];
  const ended: string[] = [];
  for (const host of [a, b])
    host.work = (signal) => untilAborted(signal).catch(() => ended.push("given up"));
  await clock.pass(HOUR + MINUTE);
  const [first] = runs;
  const goOn = (first?.host === "a" ? a : b).freeze();
  await clock.pass(MINUTE);
  expect(runs).toHaveLength(2);
  expect(runs[1]?.host).not.toBe(first?.host);
  goOn();
  await clock.pass(1_000);
  expect(ended).toEqual(["given up"]);
});

test("hosts whose clocks differ do not run one time twice", async () => {
  const ahead = createScheduler({
    store,
    clock: { now: () => clock.now() + 45_000, setTimer: (work, ms) => clock.setTimer(work, ms) },
    timezone: "UTC",
    instance: "ahead",
    logger: { warn: () => undefined },
    active: () => [{ plugin: HELLO, since: START, schedules: [HOURLY] }],
    run: async () => runs.push({ host: "ahead", name: "hourly", at: "" }),
  });
  ahead.refresh();
  startHost("a", HOURLY);
  await clock.pass(3.5 * HOUR);
  expect(runs).toHaveLength(3);
});

test("a long run keeps its claim for as long as its host lives", async () => {
  const [a, b] = [startHost("a", HOURLY), startHost("b", HOURLY)];
  for (const host of [a, b])
    host.work = (signal) =>
      new Promise((resolve, reject) => {
        clock.setTimer(() => resolve(null), 5 * MINUTE);
        signal.addEventListener("abort", () => reject(new RbsmError("cancelled")));
      });
  await clock.pass(2.9 * HOUR);
  expect(times()).toEqual(["01:00", "02:00"]);
  expect(await a.scheduler.describe(HELLO, [HOURLY])).toMatchObject([{ runs: 2, failures: 0 }]);
});

test("a run whose host died is taken over with catchUp, and a failed one without", async () => {
  const CATCH_UP = { ...HOURLY, name: "report", catchUp: true };
  const a = startHost("a", HOURLY, CATCH_UP);
  a.work = untilAborted;
  await clock.pass(HOUR + MINUTE);
  expect(runs).toHaveLength(2);
  a.kill();
  const b = startHost("b");
  b.plugins = [{ plugin: HELLO, since: START, schedules: [HOURLY, CATCH_UP] }];
  b.scheduler.refresh();
  await clock.pass(2 * MINUTE);
  expect(runs.slice(2)).toMatchObject([{ host: "b", name: "report" }]);
  expect(await b.scheduler.describe(HELLO, [HOURLY, CATCH_UP])).toMatchObject([
    { name: "hourly", lastOutcome: "cancelled", runs: 1, failures: 1 },
    { name: "report", lastOutcome: "ok", runs: 1, failures: 0 },
  ]);
  await clock.pass(HOUR);
  expect(
    runs
      .slice(3)
      .map(({ host, name }) => `${host} ${name}`)
      .sort(),
  ).toEqual(["b hourly", "b report"]);
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
  const working = store;
  store = {
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
  runs = [];
  await clock.pass(2 * HOUR);
  expect(times()).toEqual(["02:00", "03:00"]);
});
