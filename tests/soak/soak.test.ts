import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { ownChildren } from "../../host-sdk/runtime/own-children.ts";
import { growthPerMinute } from "./resources.ts";

const PROGRAM = fileURLToPath(new URL("../../scripts/soak.ts", import.meta.url));

function start(...args: string[]) {
  const child = spawn("node", [PROGRAM, ...args], { stdio: ["ignore", "pipe", "ignore"] });
  return { child, output: text(child.stdout), exit: once(child, "exit") };
}

const lastLine = async (output: Promise<string>) =>
  JSON.parse((await output).trim().split("\n").at(-1) ?? "");

test("a short soak ends with good calls and nothing left over", async () => {
  const { output, exit } = start("--minutes", "0.2", "--json");
  const [code] = await exit;
  const report = await lastLine(output);
  // One call lost in twelve seconds is more than one in two thousand.
  const lasting = report.failures.filter((why: string) => !why.includes("good calls"));
  expect(lasting).toEqual([]);
  expect(code).toBe(report.failures.length === 0 ? 0 : 1);
  expect(report.goodShare).toBeGreaterThan(0.95);
  expect(report.good.calls).toBeGreaterThan(20);
  expect(report.hostileRuns).toBeGreaterThan(1);
  expect(report.after.children).toBe(0);
});

test("Ctrl-C ends a soak with its report and without a process left over", async () => {
  const { child, output, exit } = start("--corpus");
  await wait(6_000);
  const held = ownChildren(child.pid);
  expect(held.length).toBeGreaterThan(0);
  child.kill("SIGINT");
  expect(await exit).toEqual([130, null]);
  expect((await lastLine(output)).good.calls).toBeGreaterThan(0);
  for (const pid of held) expect(() => process.kill(pid, 0)).toThrow("ESRCH");
});

test("growth is the slope of all values, not the difference of two", () => {
  expect(growthPerMinute([1, 2, 3, 4], 30_000)).toBeCloseTo(2);
  expect(growthPerMinute([5, 1, 9, 5, 1, 9, 5], 60_000)).toBeCloseTo(8 / 28);
  expect(growthPerMinute([7], 60_000)).toBe(0);
});
