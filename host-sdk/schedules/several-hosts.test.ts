import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RbsmError } from "@rising-bsm/protocol";
import { beforeEach, expect, test } from "vitest";
import { createSqliteStore } from "../store/sqlite-store.ts";
import { createScheduler, type Schedule } from "./scheduler.ts";
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

test("processes that share one SQLite file run each time once", async () => {
  const folder = await mkdtemp(join(tmpdir(), "rbsm-schedules-"));
  const stores = [1, 2].map(() => createSqliteStore(join(folder, "host.sqlite")));
  try {
    for (const shared of stores) {
      scene.store = shared;
      startHost("same", HOURLY);
    }
    await clock.pass(3.5 * HOUR);
    expect(times()).toEqual(["01:00", "02:00", "03:00"]);
  } finally {
    for (const shared of stores) await shared.close();
    await rm(folder, { recursive: true });
  }
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
    store: scene.store,
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

test("a run by hand whose host died is recorded, and can be made again long before the next time", async () => {
  const yearly: Schedule = { name: "yearly", cron: "0 0 1 1 *", catchUp: true };
  const never: Schedule = { name: "never", cron: "0 0 30 2 *", catchUp: true };
  const first = startHost("a", yearly, never);
  await clock.idle();
  first.work = () => new Promise(() => undefined);
  for (const { name } of [yearly, never]) void first.scheduler.runNow({ plugin: HELLO, name });
  await clock.pass(MINUTE);
  first.kill();
  const { scheduler } = startHost("b", yearly, never);
  await clock.pass(MINUTE);
  for (const schedule of [yearly, never]) {
    expect(await scheduler.describe(HELLO, [schedule])).toMatchObject([
      { running: false, runs: 1, failures: 1, lastOutcome: "cancelled" },
    ]);
    await scheduler.runNow({ plugin: HELLO, name: schedule.name });
  }
  expect(runs.map(({ host, name }) => `${host} ${name}`)).toEqual([
    "a yearly",
    "a never",
    "b yearly",
    "b never",
  ]);
});
