import { afterEach, expect, test } from "vitest";
import { eventually } from "./own-children.ts";
import { findRunnerProgram } from "./runner-program.ts";
import { startTestRuntime, type TestRuntime } from "./test-runtime.ts";

const CODE = `export default class { hi() { return "hi"; } }`;
let runtime: TestRuntime | undefined;
afterEach(() => runtime?.close());

const good = findRunnerProgram();
const FAULTS = [
  ["no node", { ...good, node: "/nonexistent/node" }],
  ["an addon that cannot be loaded", { ...good, addon: good.runner }],
  ["a runner that ends at once", { ...good, node: "/bin/true" }],
] as const;

test.each(FAULTS)("%s is told at once, costs no plugin its place, and heals", async (_, faulty) => {
  let program: typeof good = good;
  let starts = 0;
  runtime = startTestRuntime(undefined, {
    program: () => {
      starts += 1;
      return program;
    },
  });
  await runtime.load("p", CODE);
  const states: string[] = [];
  runtime.on("state", ({ state }) => void states.push(state));

  program = faulty;
  process.kill(runtime.usage("p")?.pid ?? 0, "SIGKILL");
  expect(await eventually(() => states.includes("lost"))).toBe(true);
  const startsBefore = starts;
  const endsAt = performance.now() + 2_000;
  let failures = 0;
  while (performance.now() < endsAt) {
    const startedAt = performance.now();
    const failure = await runtime.run("p", "hi").catch((error: unknown) => error);
    if (failure === "hi") continue;
    failures += 1;
    expect(failure).toMatchObject({
      code: "plugin_crashed",
      message: "The process for plugins does not start",
      detail: { collateral: true, retryAfterMs: expect.any(Number) },
    });
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  expect(failures).toBeGreaterThan(10);
  // 100, 200, 400, 800, … ms apart.
  expect(starts - startsBefore).toBeGreaterThan(1);
  expect(starts - startsBefore).toBeLessThan(8);
  await expect(runtime.load("other", CODE)).rejects.toMatchObject({ code: "plugin_crashed" });
  expect(states).not.toContain("quarantined");

  program = good;
  await expect.poll(() => runtime?.run("p", "hi").catch(() => null), { timeout: 8_000 }).toBe("hi");
});
