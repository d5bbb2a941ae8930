import { spawn } from "node:child_process";
import { mkdtempSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { eventually, isAlive, ownChildren } from "./own-children.ts";
import { startTestRuntime } from "./test-runtime.ts";

const HOST = `
import { createSupervisor } from ${JSON.stringify(new URL("supervisor.ts", import.meta.url).href)};
const runtime = createSupervisor({ spareChild: false, logger: { warn() {} }, onLog() {}, onHostCall: async () => null });
const code = "export default class { spin() { for (;;) {} } hi() { return 'hi' } }";
const files = new Map([["index.js", new TextEncoder().encode(code)]]);
const license = { entitlements: [], info: null };
await runtime.loadPlugin({ id: "p", name: "@a/b", version: "1.0.0", main: "index.js", files, config: {}, license });
if (process.argv[2] === "spin") void runtime.executePlugin("p", { kind: "method", name: "spin", args: [], context: null, cpuMs: 60000, deadlineMs: 60000 });
console.log(runtime.usage("p").pid);
if (process.argv[2] !== "end") setInterval(() => {}, 1000);
`;

/** A folder that has only these of the system's programs. */
function pathOf(...programs: string[]): string {
  const folder = mkdtempSync(join(tmpdir(), "rbsm-path-"));
  for (const program of programs) symlinkSync(`/usr/bin/${program}`, join(folder, program));
  return folder;
}

const PATHS = { setpriv: process.env["PATH"] ?? "", watcher: pathOf("true") };

function startHost(mode: string, PATH: string = PATHS.setpriv) {
  return spawn(process.execPath, ["--input-type=module", "-", mode], {
    env: { ...process.env, PATH },
    stdio: ["pipe", "pipe", "inherit"],
  });
}

async function pidFrom(host: ReturnType<typeof startHost>): Promise<number> {
  host.stdin.end(HOST);
  return new Promise((resolve) => host.stdout.once("data", (chunk) => resolve(Number(chunk))));
}

const CASES = (["setpriv", "watcher"] as const).flatMap((means) =>
  (["idle", "spin", "blocked"] as const).map((mode) => [mode, means] as const),
);

test.each(CASES)("a child that is %s ends by %s when its parent is killed", async (mode, means) => {
  const host = startHost(mode, PATHS[means]);
  const pid = await pidFrom(host);
  const watchers = ownChildren(pid);
  expect(watchers).toHaveLength(means === "watcher" ? 1 : 0);
  await new Promise((resolve) => setTimeout(resolve, 100));
  // A stopped process reads nothing from its pipe: like one whose event loop is blocked.
  if (mode === "blocked") process.kill(pid, "SIGSTOP");
  expect(isAlive(pid)).toBe(true);
  host.kill("SIGKILL");
  expect(await eventually(() => !isAlive(pid))).toBe(true);
  expect(await eventually(() => !watchers.some(isAlive))).toBe(true);
});

test.each(["setpriv", "watcher"] as const)(
  "an idle child does not keep its parent running (%s)",
  async (means) => {
    const host = startHost("end", PATHS[means]);
    const ended = new Promise((resolve) => host.once("exit", resolve));
    const pid = await pidFrom(host);
    expect(await ended).toBe(0);
    expect(await eventually(() => !isAlive(pid))).toBe(true);
  },
);

const CODE = `export default class { never() { return new Promise(() => {}); } spin() { for (;;) {} } }`;

test("close() leaves no process and nothing that keeps this one running", async () => {
  const handles = () =>
    process.getActiveResourcesInfo().filter((name) => name !== "Timeout").length;
  const before = handles();
  const runtime = startTestRuntime(undefined, { spareChild: true });
  await runtime.load("p", CODE);
  await runtime.load("alone", CODE, { limits: { memoryMb: 64 } });
  expect(await eventually(() => ownChildren().length === 3)).toBe(true);
  const calls = [
    runtime.run("p", "never"),
    runtime.run("p", "spin", [], { cpuMs: 60_000, deadlineMs: 60_000 }),
    runtime.load("late", CODE),
  ];
  const codes = Promise.all(calls.map((call) => call.catch(({ code }: { code: string }) => code)));
  await runtime.close();
  expect(await codes).toEqual(["cancelled", "cancelled", "cancelled"]);
  expect(ownChildren()).toEqual([]);
  expect(await eventually(() => handles() <= before)).toBe(true);
  await expect(runtime.load("after", CODE)).rejects.toMatchObject({ code: "cancelled" });
});

const WITNESS = `
import { createTestHost } from ${JSON.stringify(new URL("../testing/index.ts", import.meta.url).href)};
const encode = (text) => new TextEncoder().encode(text);
const manifest = { name: "@acme/hello", version: "1.0.0", main: "index.js", permissions: [], dependencies: {} };
const code = "export default { methods: { hi() { return 'hi'; } } }";
const host = await createTestHost({
  files: new Map([["manifest.json", encode(JSON.stringify(manifest))], ["index.js", encode(code)]]),
});
const result = await host.call("hi");
const { sharedObjects } = process.report.getReport();
await host.close();
const loaded = [...sharedObjects, ...process.moduleLoadList].filter((name) => /isolated/i.test(name));
console.log(JSON.stringify({ result, loaded, seesObjects: sharedObjects.length > 0 }));
`;

test("a process that runs a host and a call has not loaded isolated-vm", async () => {
  const host = spawn(process.execPath, ["--input-type=module", "-"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  host.stdin.end(WITNESS);
  const text = await new Promise((resolve) => host.stdout.once("data", resolve));
  expect(JSON.parse(String(text))).toEqual({ result: "hi", loaded: [], seesObjects: true });
});
