import { afterEach, beforeEach, expect, test } from "vitest";
import { eventually, ownChildren } from "./own-children.ts";
import type { RuntimeEvent } from "./plugin-runtime.ts";
import { startTestRuntime, type TestRuntime } from "./test-runtime.ts";

const CODE = `let runs = 0; export default class {
  async onActivate(api) { await api.storage.set("active", true); }
  count() { return runs += 1; }
  async sleep(ms) { await new Promise((r) => setTimeout(r, ms)); return runs += 1; }
}`;
const IDLE = { idleMs: 1_000 };

let runtime: TestRuntime;
let events: RuntimeEvent[];
beforeEach(() => {
  runtime = startTestRuntime();
  events = [];
  runtime.on("state", (event) => events.push(event));
});
afterEach(() => runtime.close());

const statesOf = (id: string) =>
  events.filter(({ plugin }) => plugin === id).map(({ state }) => state);

test("a plugin that nobody calls leaves its isolate, and the next call brings it back", async () => {
  await runtime.load("p", CODE, IDLE);
  await runtime.load("stays", CODE, { idleMs: 0 });
  await runtime.run("p", "onActivate", [], { kind: "lifecycle", context: "installer" });
  expect(await runtime.run("p", "count")).toBe(1);
  expect(await eventually(() => statesOf("p").includes("evicted"))).toBe(true);
  expect(runtime.usage("p")).toMatchObject({ evictions: 1, rssMb: 0, pid: undefined });

  runtime.hostCalls.length = 0;
  expect(await runtime.run("p", "count")).toBe(1);
  expect(runtime.hostCalls).toEqual([
    { plugin: "p", context: "installer", method: "storage.set", args: ["active", true] },
  ]);
  expect(statesOf("p")).toEqual(["loaded", "evicted", "loaded"]);
  expect(statesOf("stays")).toEqual(["loaded"]);
  expect(await eventually(() => runtime.usage("p")?.evictions === 2)).toBe(true);
});

test("a plugin with an open call stays, however long it waits", async () => {
  await runtime.load("p", CODE, IDLE);
  expect(await runtime.run("p", "sleep", [3_000])).toBe(1);
  expect(await runtime.run("p", "count")).toBe(2);
  expect(statesOf("p")).toEqual(["loaded"]);
});

test("calls at the moment of the eviction are all answered", async () => {
  await runtime.load("p", CODE, { idleMs: 15 });
  for (let round = 0; round < 40; round += 1) {
    await new Promise((resolve) => setTimeout(resolve, 10 + (round % 10)));
    expect(await runtime.run("p", "count")).toBeGreaterThan(0);
  }
  expect(runtime.usage("p")).toMatchObject({ calls: 40, failures: 0 });
  expect(runtime.usage("p")?.evictions).toBeGreaterThan(0);
});

test("a process without plugins ends, and unloading stops the clock", async () => {
  await runtime.load("p", CODE, IDLE);
  await runtime.load("gone", CODE, IDLE);
  await runtime.unloadPlugin("gone");
  expect(ownChildren()).toHaveLength(1);
  expect(await eventually(() => ownChildren().length === 0)).toBe(true);
  expect(statesOf("gone")).toEqual(["loaded", "unloaded"]);
  expect(await runtime.run("p", "count")).toBe(1);
});

test("the metrics of a plugin are those of its last calls", async () => {
  await runtime.load("p", CODE);
  for (let call = 0; call < 20; call += 1) await runtime.run("p", "count");
  await runtime.run("p", "sleep", [300]);
  expect(await eventually(() => (runtime.usage("p")?.rssMb ?? 0) > 10)).toBe(true);
  const { p50Ms = 0, p99Ms = 0 } = runtime.usage("p") ?? {};
  expect(p50Ms).toBeGreaterThan(0);
  expect(p50Ms).toBeLessThan(300);
  expect(p99Ms).toBeGreaterThanOrEqual(299);
});
