import { RUNTIME_LIMITS } from "@rising-bsm/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { codeOf } from "../testing/expectations.ts";
import { startTestRuntime, type TestRuntime } from "./test-runtime.ts";

const CODE = `export default class { never() { return new Promise(() => {}); } hi() { return "hi"; } take(text) { return text.length; } }`;

let runtime: TestRuntime;
beforeEach(() => {
  runtime = startTestRuntime();
});
afterEach(() => runtime.close());

test("calls over what the host takes of all plugins are host_busy at once, and later ones are not", async () => {
  const { openCalls, openCallsPerPlugin } = RUNTIME_LIMITS;
  const names = Array.from({ length: openCalls / openCallsPerPlugin + 1 }, (_, at) => `p${at}`);
  await Promise.all(names.map((name) => runtime.load(name, CODE)));
  const controller = new AbortController();
  const { signal } = controller;
  const open = names
    .slice(1)
    .flatMap((name) =>
      Array.from({ length: openCallsPerPlugin }, () =>
        codeOf(runtime.run(name, "never", [], { signal, deadlineMs: 60_000 })),
      ),
    );
  expect(open).toHaveLength(openCalls);
  const startedAt = performance.now();
  expect(await codeOf(runtime.run("p0", "hi"))).toBe("host_busy");
  expect(performance.now() - startedAt).toBeLessThan(1_000);
  controller.abort();
  expect(new Set(await Promise.all(open))).toEqual(new Set(["cancelled"]));
  expect(await runtime.run("p0", "hi")).toBe("hi");
});

test("calls that wait for their plugin to load count as open", async () => {
  await runtime.load("p", `${CODE}; await null; export const x = 1;`);
  process.kill(runtime.usage("p")?.pid ?? 0, "SIGKILL");
  const codes = await Promise.all(
    Array.from({ length: 200 }, () => codeOf(runtime.run("p", "hi"))),
  );
  expect(codes.filter((code) => code === "host_busy")).toHaveLength(
    200 - RUNTIME_LIMITS.openCallsPerPlugin,
  );
});

test("loads over what the host takes at a time are host_busy", async () => {
  const loads = Array.from({ length: RUNTIME_LIMITS.loads + 2 }, (_, at) =>
    codeOf(runtime.load(`p${at}`, CODE)),
  );
  const codes = await Promise.all(loads);
  expect(codes.filter((code) => code === "host_busy")).toHaveLength(2);
  expect(codes.filter((code) => code === "ok")).toHaveLength(RUNTIME_LIMITS.loads);
  const pids = codes
    .map((_, at) => runtime.usage(`p${at}`)?.pid)
    .filter((pid) => pid !== undefined);
  const perChild = [...new Set(pids)].map((pid) => pids.filter((other) => other === pid).length);
  expect(Math.max(...perChild)).toBe(RUNTIME_LIMITS.isolatesPerChild);
});

test("a plugin that would need a process more than there may be is host_busy at once", async () => {
  const alone = { limits: { memoryMb: 64 } };
  // Two are kept for those that share.
  for (let child = 0; child < RUNTIME_LIMITS.children - 2; child += 1)
    await runtime.load(`p${child}`, CODE, alone);
  const startedAt = performance.now();
  expect(await codeOf(runtime.load("one-more", CODE, alone))).toBe("host_busy");
  expect(performance.now() - startedAt).toBeLessThan(1_000);
  expect(await codeOf(runtime.load("shared", CODE))).toBe("ok");
  expect(await codeOf(runtime.load("system", CODE, { tier: "system" }))).toBe("ok");
  expect(await codeOf(runtime.load("third", CODE, { tier: "sideloaded" }))).toBe("host_busy");
  await runtime.unloadPlugin("p0");
  expect(await codeOf(runtime.load("one-more", CODE, alone))).toBe("ok");
});

test("a process that does not read takes no more calls than fit its pipe", async () => {
  await runtime.load("p", CODE);
  process.kill(runtime.usage("p")?.pid ?? 0, "SIGSTOP");
  const text = "x".repeat(1_000_000);
  const before = process.memoryUsage();
  const calls = Array.from({ length: 100 }, () =>
    codeOf(runtime.run("p", "take", [text], { deadlineMs: 300 })),
  );
  await new Promise((resolve) => setImmediate(resolve));
  const after = process.memoryUsage();
  expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(2 * RUNTIME_LIMITS.pipeBytes);
  const codes = await Promise.all(calls);
  expect(codes.filter((code) => code === "host_busy").length).toBeGreaterThan(70);
  expect(codes.filter((code) => code === "limit_wall" || code === "plugin_crashed").length).toBe(
    100 - codes.filter((code) => code === "host_busy").length,
  );
  expect(await runtime.run("p", "take", [text])).toBe(1_000_000);
});
