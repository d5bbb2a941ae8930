import { afterEach, expect, test } from "vitest";
import { startTestRuntime, type TestRuntime } from "./test-runtime.ts";

let runtime: TestRuntime;
afterEach(() => runtime.close());

const LARGE = "x".repeat(1_000_000);
const PLUGIN = `export default class {
  hi() { return "hi" }
  async take(n) { await Promise.all(Array.from({ length: n }, () => this.api.storage.get("large"))); return n }
  async give(n) { const value = "y".repeat(1_000_000); await Promise.all(Array.from({ length: n }, (_, at) => this.api.storage.set(String(at), value))); return n }
  async leave(n) { const value = "y".repeat(1_000_000); for (let at = 0; at < n; at += 1) this.api.storage.set(String(at), value).catch(() => {}); return n }
}`;
const CALL = { cpuMs: 10_000, deadlineMs: 60_000 };

async function start(): Promise<void> {
  runtime = startTestRuntime(async ({ method }) => (method === "storage.get" ? LARGE : null));
  await runtime.load("neighbour", PLUGIN);
}

test.each(["take", "give"])(
  "180 MB of host calls at a time (%s) end neither the process nor a neighbour's calls",
  async (name) => {
    await start();
    await runtime.load("greedy", PLUGIN);
    const pid = runtime.usage("neighbour")?.pid;
    const greedy = Promise.allSettled(
      Array.from({ length: 6 }, () => runtime.run("greedy", name, [30], CALL)),
    );
    for (let at = 0; at < 5; at += 1) expect(await runtime.run("neighbour", "hi")).toBe("hi");
    await greedy;
    expect(await runtime.run("neighbour", "hi")).toBe("hi");
    expect(runtime.usage("neighbour")?.pid).toBe(pid);
  },
);

test("large arguments that cannot leave at once leave in order, and each is answered", async () => {
  await start();
  await runtime.load("patient", PLUGIN, { limits: { memoryMb: 128 } });
  expect(await runtime.run("patient", "give", [20], CALL)).toBe(20);
  const keys = runtime.hostCalls.map(({ args }) => args[0]);
  expect(keys).toEqual(Array.from({ length: 20 }, (_, at) => String(at)));
});

test("large arguments that have not left when their call ends are not sent, and block nobody", async () => {
  await start();
  await runtime.load("hasty", PLUGIN, { limits: { memoryMb: 128 } });
  expect(await runtime.run("hasty", "leave", [20], CALL)).toBe(20);
  expect(runtime.hostCalls.length).toBeLessThanOrEqual(5);
  expect(await runtime.run("hasty", "give", [20], CALL)).toBe(20);
});
