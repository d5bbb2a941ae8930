import { setTimeout as sleep } from "node:timers/promises";
import { RUNTIME_LIMITS } from "@rising-bsm/protocol";
import { afterAll, expect, test } from "vitest";
import { startTestRuntime } from "./test-runtime.ts";

const runtime = startTestRuntime();
afterAll(() => runtime.close());

test("a child that answers two pings at once, because the machine was busy, lives on", async () => {
  await runtime.load("p", `export default class { hi() { return "hi"; } }`);
  expect(await runtime.run("p", "hi")).toBe("hi");
  const pid = runtime.usage("p")?.pid ?? 0;
  process.kill(pid, "SIGSTOP");
  await sleep(2.5 * RUNTIME_LIMITS.heartbeatMs);
  process.kill(pid, "SIGCONT");
  expect(await runtime.run("p", "hi")).toBe("hi");
  // A child that was ended over its answers is gone by the next ping.
  await sleep(1.5 * RUNTIME_LIMITS.heartbeatMs);
  expect(await runtime.run("p", "hi")).toBe("hi");
  expect(runtime.usage("p")).toMatchObject({ pid, reloads: 0 });
});
