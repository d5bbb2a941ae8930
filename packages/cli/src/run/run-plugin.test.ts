import { expect, test } from "vitest";
import {
  HELLO,
  runCli,
  temporaryFolder,
  watchProcesses,
  writeFiles,
} from "../../fixtures/run-cli.ts";

const START_UP_MS = 3_000;

const CODE = `export default class {
  async onActivate(api) { api.log("info", "activated"); }
  greet(name, times) { this.api.log("debug", "greeting", { name }); return { text: "hello " + name, times }; }
  async customers() { return (await this.api.customers.list({ limit: 2 })).items.length; }
  async secretly() { try { await this.api.customers.list(); } catch (error) { return error.code; } }
  async demands() { return await this.api.customers.list(); }
  throws() { throw new TypeError("on purpose"); }
  spins() { for (;;) {} }
  never() { return new Promise(() => {}); }
  cycle() { const a = {}; a.a = a; return a; }
  fill() { const a = []; for (;;) a.push(new Array(1e5).fill(a.length)); }
}
`;

async function pluginFolder(permissions: string[] = []): Promise<string> {
  const manifest = { ...JSON.parse(HELLO["manifest.json"]), permissions };
  return await writeFiles(await temporaryFolder(), {
    "manifest.json": JSON.stringify(manifest),
    "index.js": CODE,
  });
}

function call(home: string, method: string, ...more: string[]): ReturnType<typeof runCli> {
  return runCli(["run", ".", "--call", method, "--json", ...more], { home });
}

test("run calls a method and prints result, usage, logs and refusals", async () => {
  const home = await pluginFolder();
  const run = await call(home, "greet", "--args", '["Ada", 2]');
  expect(run).toMatchObject({ code: 0, stderr: "" });
  expect(run.json()).toEqual({
    ok: true,
    result: { text: "hello Ada", times: 2 },
    usage: { wallMs: expect.any(Number), cpuMs: expect.any(Number), peakRssMb: expect.any(Number) },
    logs: expect.arrayContaining([
      expect.objectContaining({ level: "debug", message: "greeting" }),
    ]),
    denied: [],
  });
});

test("run prints the bare result on stdout for people, and the rest on stderr", async () => {
  const home = await pluginFolder();
  const run = await runCli(["run", ".", "--call", "greet", "--args", '["Ada"]'], { home });
  expect(JSON.parse(run.stdout)).toEqual({ text: "hello Ada" });
  expect(run.stderr).toContain("greeting");
});

test("run takes an unsigned .rbsm file", async () => {
  const home = await pluginFolder();
  await runCli(["build", "--out", "a.rbsm"], { home });
  const run = await runCli(["run", "a.rbsm", "--call", "greet", "--args", '["Bo"]', "--json"], {
    home,
  });
  expect(run.json()).toMatchObject({ ok: true, result: { text: "hello Bo" } });
});

test.each([
  [[], "customers", { ok: true, result: 2 }],
  [["--grant", "requested"], "customers", { ok: true, result: 2 }],
  [["--grant", "customers.view"], "customers", { ok: true, result: 2 }],
  [
    ["--grant", "none"],
    "secretly",
    {
      ok: true,
      result: "permission_denied",
      denied: [{ method: "customers.list", permission: "customers.view" }],
    },
  ],
])("run with %j grants what it says", async (grant, method, expected) => {
  const home = await pluginFolder(["customers.view"]);
  const run = await call(home, method, ...grant);
  expect(run.json()).toMatchObject(expected);
  expect(run.code).toBe(0);
});

test.each([
  ["throws", "plugin_threw", 4],
  ["cycle", "plugin_rejected_value", 4],
  ["nothing", "plugin_not_found", 3],
])("run of %s fails with %s", async (method, code, exit) => {
  const home = await pluginFolder();
  const run = await call(home, method);
  expect(run.code).toBe(exit);
  expect(run.json()).toMatchObject({
    ok: false,
    error: { code, message: expect.any(String) },
    usage: { cpuMs: expect.any(Number) },
  });
});

test.each([
  ["spins", "limit_cpu", { deadline: 5_000 }],
  ["never", "limit_wall", { deadline: 1_000 }],
  ["fill", "limit_", { deadline: 8_000, memory: 24 }],
])("run of %s ends with %s in time and leaves no process", async (method, code, limits) => {
  const options = Object.entries(limits).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const home = await pluginFolder();
  const startedAt = performance.now();
  const { onSpawn, left } = watchProcesses();
  const run = await runCli(["run", ".", "--call", method, "--json", ...options], {
    home,
    onSpawn,
  });
  expect(run.code).toBe(9);
  expect(run.json().error.code).toContain(code);
  // Start-up does not count; on a loaded machine it takes its time.
  expect(performance.now() - startedAt).toBeLessThan(limits.deadline + 1_000 + START_UP_MS);
  expect(left()).toEqual([]);
});

test("a plugin that never becomes active does not hold up a run with a deadline", async () => {
  const home = await pluginFolder();
  await writeFiles(home, {
    "index.js": "export default { onActivate: () => new Promise(() => {}) };",
  });
  const { onSpawn, left } = watchProcesses();
  const startedAt = performance.now();
  const args = ["run", ".", "--call", "greet", "--json", "--deadline", "500"];
  const run = await runCli(args, { home, onSpawn });
  expect(run.code).toBe(9);
  expect(run.json().error.code).toBe("limit_wall");
  expect(performance.now() - startedAt).toBeLessThan(9_000);
  expect(left()).toEqual([]);
});

test("Ctrl-C ends a run with `cancelled` and leaves no process", async () => {
  const home = await pluginFolder();
  const { onSpawn, left } = watchProcesses((pid) => process.kill(pid, "SIGINT"));
  const args = ["run", ".", "--call", "never", "--json", "--deadline", "20000"];
  const run = await runCli(args, { home, onSpawn });
  expect(run.code).toBe(130);
  expect(run.json().error.code).toBe("cancelled");
  expect(left()).toEqual([]);
});

test.each([
  [["--args", "{}"], "JSON array"],
  [["--args", "nope"], "JSON array"],
  [["--deadline", "soon"], "whole number"],
])("run with %j is a usage error", async (options, message) => {
  const home = await pluginFolder();
  const run = await call(home, "greet", ...options);
  expect(run.code).toBe(2);
  expect(run.json().error).toMatchObject({
    code: "usage",
    message: expect.stringContaining(message),
  });
});

test("run shows what is wrong with a folder that is no plugin", async () => {
  const home = await writeFiles(await temporaryFolder(), { "manifest.json": "{}" });
  const run = await call(home, "greet");
  expect(run.code).toBe(3);
  expect(run.json().error).toMatchObject({ code: "manifest_invalid", findings: expect.any(Array) });
});
