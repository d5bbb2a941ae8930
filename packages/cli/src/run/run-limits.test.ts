import { join } from "node:path";
import { expect, test } from "vitest";
import {
  HELLO,
  runCli,
  temporaryFolder,
  watchProcesses,
  writeFiles,
} from "../../fixtures/run-cli.ts";

const CODE = `export default class {
  spins() { for (;;) {} }
  async spinsLater() { await this.api.storage.get("a"); for (;;) {} }
  async spinsInSlices() { for (;;) { for (let i = 0; i < 1e5; i++); await null; } }
  never() { return new Promise(() => {}); }
  async ticks() { for (;;) await new Promise((done) => setTimeout(done, 10)); }
  heap() { const all = []; for (;;) all.push(new Array(10_000).fill(all.length)); }
  buffer() { return new Uint8Array(200 * 2 ** 20).length; }
  says() { return "x".repeat(2 * 2 ** 20); }
  async stores() { await this.api.storage.set("a", "x".repeat(300 * 1024)); }
  async fills() { for (let i = 0; i < 100; i++) await this.api.storage.set("k" + i, "x".repeat(200 * 1024)); }
  async asks() { return await Promise.all(Array.from({ length: 33 }, () => this.api.storage.get("a"))); }
  logs() { for (let i = 0; i < 257; i++) this.api.log("info", "line " + i); }
  logsMuch() { this.api.log("info", "x".repeat(65 * 1024)); }
  throws() { throw new TypeError("on purpose"); }
  rejects() { return Promise.reject("a text"); }
  cycle() { const a = {}; a.a = a; return a; }
  bigint() { return { n: 1n }; }
  deep() { let a = 1; for (let i = 0; i < 70; i++) a = [a]; return a; }
  async demands() { return await this.api.customers.list(); }
  async swallows() { for (;;) try { for (;;) {} } catch {} }
}
`;

async function pluginFolder(code = CODE): Promise<string> {
  const manifest = { ...JSON.parse(HELLO["manifest.json"]), permissions: ["customers.view"] };
  return await writeFiles(await temporaryFolder(), {
    "manifest.json": JSON.stringify(manifest),
    "index.js": code,
  });
}

test.each([
  ["spins", "limit_cpu", 9, ["--deadline", "5000"]],
  ["spins", "limit_cpu", 9, []],
  ["spins", "limit_wall", 9, ["--deadline", "100"]],
  ["spinsLater", "limit_cpu", 9, ["--deadline", "5000"]],
  ["spinsInSlices", "limit_cpu", 9, ["--deadline", "5000"]],
  ["swallows", "limit_cpu", 9, ["--deadline", "5000"]],
  ["never", "limit_wall", 9, ["--deadline", "500"]],
  ["ticks", "limit_wall", 9, ["--deadline", "500"]],
  ["heap", "limit_memory", 9, ["--memory", "8"]],
  ["heap", "limit_memory", 9, ["--memory", "16", "--deadline", "5000"]],
  ["buffer", "limit_memory", 9, []],
  ["says", "limit_payload", 9, []],
  ["stores", "limit_storage", 9, []],
  ["fills", "limit_storage", 9, []],
  ["asks", "limit_calls", 9, []],
  ["logs", "limit_log", 9, []],
  ["logsMuch", "limit_log", 9, []],
  ["throws", "plugin_threw", 4, []],
  ["rejects", "plugin_threw", 4, []],
  ["cycle", "plugin_rejected_value", 4, []],
  ["bigint", "plugin_rejected_value", 4, []],
  ["deep", "plugin_rejected_value", 4, []],
  ["demands", "permission_denied", 5, ["--grant", "none"]],
  ["nothing", "plugin_not_found", 3, []],
])(
  "run of %s ends with %s and exit code %i, given %j",
  async (...[method, code, exit, options]) => {
    const home = await pluginFolder();
    const { onSpawn, left } = watchProcesses();
    const startedAt = performance.now();
    const run = await runCli(["run", ".", "--call", method, "--json", ...options], {
      home,
      onSpawn,
    });
    expect({ exit: run.code, ...run.json() }).toMatchObject({
      exit,
      ok: false,
      error: { code, message: expect.any(String) },
      usage: {
        wallMs: expect.any(Number),
        cpuMs: expect.any(Number),
        peakRssMb: expect.any(Number),
      },
      denied: code === "permission_denied" ? [{ permission: "customers.view" }] : [],
    });
    expect(performance.now() - startedAt).toBeLessThan(20_000);
    expect(left()).toEqual([]);
  },
);

test("without --grant all that the manifest asks for is granted, with a list only that", async () => {
  const home = await pluginFolder();
  const granted = await runCli(["run", ".", "--call", "demands", "--json"], { home });
  expect(granted.json()).toMatchObject({ ok: true, denied: [] });
  const other = ["--grant", "appointments.view"];
  const refused = await runCli(["run", ".", "--call", "demands", "--json", ...other], { home });
  expect(refused).toMatchObject({ code: 5 });
});

test("a process that is killed under the call is plugin_crashed, and nothing is left", async () => {
  const home = await pluginFolder();
  // A second after it was first seen it has become the sandbox, and the call has begun.
  const { onSpawn, left } = watchProcesses(undefined, (pid) => {
    setTimeout(() => kill(pid), 1_000);
  });
  const args = ["run", ".", "--call", "never", "--json", "--deadline", "15000"];
  const run = await runCli(args, { home, onSpawn });
  expect(run.json()).toMatchObject({ ok: false, error: { code: "plugin_crashed" } });
  expect(run.code).toBe(9);
  expect(left()).toEqual([]);
});

function kill(pid: string): void {
  try {
    process.kill(Number(pid), "SIGKILL");
  } catch {
    // One of the start's short-lived helpers.
  }
}

test("more calls than a plugin may have open are host_busy", async () => {
  const home = await temporaryFolder();
  const plugin = (name: string, dependencies: Record<string, string>, code: string) =>
    writeFiles(join(home, name), {
      "manifest.json": JSON.stringify({
        name: `@acme/${name}`,
        version: "1.0.0",
        main: "index.js",
        permissions: [],
        dependencies,
      }),
      "index.js": code,
    });
  const ask = (other: string) =>
    `export default { methods: { ask() { return Promise.all(Array.from({ length: 20 }, () => this.api.plugins.call("@acme/${other}", "ask"))); } } };`;
  await plugin("first", { "@acme/second": "^1.0.0" }, ask("second"));
  await plugin("second", { "@acme/third": "^1.0.0" }, ask("third"));
  await plugin("third", {}, "export default { methods: { ask: () => new Promise(() => {}) } };");
  const args = ["run", "first", "--with", "third", "second", "--call", "ask", "--json"];
  const run = await runCli(args, { home });
  expect(run.json()).toMatchObject({ ok: false, error: { code: "host_busy" } });
  expect(run.code).toBe(9);
});
