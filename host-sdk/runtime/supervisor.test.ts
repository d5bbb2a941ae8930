import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { RuntimeEvent } from "./plugin-runtime.ts";
import { startTestRuntime, type TestRuntime } from "./test-runtime.ts";

let runtime: TestRuntime;
beforeAll(() => {
  runtime = startTestRuntime();
});
afterAll(() => runtime.close());

const SEED = `
export default class MyPlugin {
  async onActivate(api) {
    api.log('info', 'Plugin activated');
  }

  async onDeactivate() {
    // Cleanup
  }

  // API endpoints
  async handleRequest(request) {
    return { message: 'Hello from plugin!' };
  }
}`;

const request = (path: string, more = {}) => ({
  method: "GET",
  url: `http://plugin${path}`,
  headers: [],
  body: null,
  ...more,
});

test("the class of the strategy document runs as it stands", async () => {
  await runtime.load("seed", SEED);
  const activated = await runtime.executePlugin("seed", {
    kind: "lifecycle",
    name: "onActivate",
    args: [],
    context: null,
  });
  expect(activated).toMatchObject({
    result: null,
    logs: [{ level: "info", message: "Plugin activated" }],
  });
  const answer = await runtime.executePlugin("seed", {
    kind: "request",
    name: "",
    args: [request("/")],
    context: null,
  });
  expect(answer.result).toEqual({
    status: 200,
    headers: [["content-type", "application/json"]],
    body: Buffer.from('{"message":"Hello from plugin!"}').toString("base64"),
  });
});

test("definePlugin, imports with a cycle and a JSON module make one plugin", async () => {
  await runtime.load("modules", {
    "index.js": `
      import { definePlugin } from "@rising-bsm/plugin-sdk";
      import { even } from "./lib/even.mjs";
      import words from "./lib/words.json" with { type: "json" };
      export default definePlugin({
        methods: { even: (n) => even(n), word(lang) { return words[lang]; }, who() { return this.api === undefined; } },
        hooks: { "customers.created"(event) { return event.id; } },
        schedules: { nightly() { return "done"; } },
        onUpdate(from) { return from; },
      });`,
    "lib/even.mjs": `import { odd } from "./odd.mjs"; export const even = (n) => n === 0 || odd(n - 1);`,
    "lib/odd.mjs": `import { even } from "./even.mjs"; export const odd = (n) => n !== 0 && even(n - 1);`,
    "lib/words.json": `{"de":"Termin"}`,
  });
  expect(await runtime.run("modules", "even", [10])).toBe(true);
  expect(await runtime.run("modules", "word", ["de"])).toBe("Termin");
  expect(await runtime.run("modules", "who")).toBe(false);
  expect(await runtime.run("modules", "customers.created", [{ id: 7 }], { kind: "hook" })).toBe(7);
  expect(await runtime.run("modules", "nightly", [], { kind: "schedule" })).toBe("done");
  expect(await runtime.run("modules", "onUpdate", ["1.0.0"], { kind: "lifecycle" })).toBe("1.0.0");
  expect(await runtime.run("modules", "onInstall", [], { kind: "lifecycle" })).toBe(null);
});

test("loadPlugin() tells what the plugin offers", async () => {
  const code = `export default class {
    methods = { extra() {} }; hooks = { "a.b"() {} };
    greet() {} _hidden() {} get trap() { throw 1 } static no() {} handleRequest() {} onInstall() {}
  }`;
  const files = new Map([["index.js", new TextEncoder().encode(code)]]);
  const license = { entitlements: [], info: null };
  const shape = await runtime.loadPlugin({
    id: "shape",
    name: "@a/b",
    version: "1.0.0",
    main: "index.js",
    files,
    config: {},
    license,
  });
  expect(shape).toEqual({
    methods: ["extra", "greet"],
    hooks: ["a.b"],
    schedules: [],
    lifecycle: ["onInstall"],
    handlesRequests: true,
  });
  for (const name of [
    "_hidden",
    "constructor",
    "handleRequest",
    "trap",
    "__proto__",
    "toString",
    "onInstall",
  ]) {
    await expect(runtime.run("shape", name)).rejects.toMatchObject({ code: "plugin_not_found" });
  }
});

test.each([
  [
    "a package",
    { "index.js": `import "lodash"; export default {}` },
    /imports "lodash", which is not a file/,
  ],
  ["a node module", { "index.js": `import "node:fs"; export default {}` }, /imports "node:fs"/],
  [
    "a path outside of the bundle",
    { "index.js": `import "../../etc/passwd.js"; export default {}` },
    /passwd/,
  ],
  [
    "a path without its extension",
    { "index.js": `import "./a"; export default {}`, "a.js": "" },
    /"\.\/a"/,
  ],
  [
    "the loader's own module",
    { "index.js": `import "rbsm:adopt"; export default {}` },
    /rbsm:adopt/,
  ],
  ["a syntax error", { "index.js": `export default {` }, /Unexpected end of input/],
  ["no default export", { "index.js": `export const a = 1` }, /no default export/],
  ["a throw at the top level", { "index.js": `throw new Error("at the top")` }, /at the top/],
  [
    "a throw after a top-level await",
    { "index.js": `await null; throw new Error("later"); export default {}` },
    /later/,
  ],
  [
    "a constructor that throws",
    { "index.js": `export default class { constructor() { throw new Error("no") } }` },
    /no/,
  ],
])("a plugin with %s does not load", async (_, files, message) => {
  await expect(runtime.load("bad", files)).rejects.toMatchObject({
    code: "plugin_threw",
    message: expect.stringMatching(message),
  });
  await expect(runtime.run("bad", "x")).rejects.toMatchObject({ code: "plugin_not_active" });
});

test("an abandoned isolate is made again and activated with the first context", async () => {
  const events: RuntimeEvent[] = [];
  const stop = runtime.on("state", (event) => events.push(event));
  await runtime.load(
    "reload",
    `let n = 0; export default class {
    async onActivate(api) { n += 1; await api.storage.set("active", n); }
    count() { return n; } spin() { for (;;) {} }
  }`,
  );
  await runtime.run("reload", "onActivate", [], { kind: "lifecycle", context: "installer" });
  await expect(runtime.run("reload", "spin", [], { cpuMs: 50 })).rejects.toMatchObject({
    code: "limit_cpu",
  });
  runtime.hostCalls.length = 0;
  expect(
    await Promise.all([runtime.run("reload", "count"), runtime.run("reload", "count")]),
  ).toEqual([1, 1]);
  expect(runtime.hostCalls).toEqual([
    { plugin: "reload", context: "installer", method: "storage.set", args: ["active", 1] },
  ]);
  expect(events.map(({ state, code }) => code ?? state)).toEqual(["loaded", "limit_cpu", "loaded"]);
  expect(runtime.usage("reload")).toMatchObject({ reloads: 1, failures: 1, openCalls: 0 });
  stop();
});

test("unloading ends open calls, and the id can be used again", async () => {
  await runtime.load("gone", `export default class { wait() { return new Promise(() => {}) } }`);
  const open = runtime.run("gone", "wait");
  await expect(runtime.load("gone", SEED)).rejects.toMatchObject({ code: "conflict_state" });
  await runtime.unloadPlugin("gone");
  await expect(open).rejects.toMatchObject({ code: "plugin_not_active" });
  await runtime.load("gone", `export default class { who() { return "second" } }`);
  expect(await runtime.run("gone", "who")).toBe("second");
});

test("an abort signal ends the call and what it waits for, not the plugin", async () => {
  await runtime.load(
    "abort",
    `let kept = 0; export default class { wait() { kept += 1; return new Promise(() => {}) } kept() { return kept } }`,
  );
  const controller = new AbortController();
  const open = runtime.run("abort", "wait", [], { signal: controller.signal });
  setTimeout(() => controller.abort(), 20);
  await expect(open).rejects.toMatchObject({ code: "cancelled" });
  await expect(
    runtime.run("abort", "wait", [], { signal: controller.signal }),
  ).rejects.toMatchObject({ code: "cancelled" });
  expect(await runtime.run("abort", "kept")).toBe(1);
});

test("a process that stops answering is left at once, by whoever was in it", async () => {
  const code = `export default class { hi() { return "hi"; } }`;
  await runtime.load("first", code);
  await runtime.load("bystander", code);
  const { pid } = runtime.usage("first") ?? {};
  expect(runtime.usage("bystander")?.pid).toBe(pid);
  if (pid === undefined) throw new Error("it is not loaded");
  process.kill(pid, "SIGSTOP");
  await expect(runtime.run("first", "hi", [], { deadlineMs: 100 })).rejects.toMatchObject({
    code: "limit_wall",
  });
  // The process is not gone yet: nobody may be sent there.
  const both = [runtime.run("first", "hi"), runtime.run("bystander", "hi")];
  expect(await Promise.all(both)).toEqual(["hi", "hi"]);
  // Only the one with an open call may be to blame, and is alone from now on.
  await runtime.load("newcomer", code);
  expect(runtime.usage("newcomer")?.pid).toBe(runtime.usage("bystander")?.pid);
  expect(runtime.usage("first")?.pid).not.toBe(runtime.usage("bystander")?.pid);
});

test("this process has not loaded isolated-vm", () => {
  const { sharedObjects } = process.report.getReport() as unknown as { sharedObjects: string[] };
  expect(sharedObjects.filter((path) => path.includes("isolated"))).toEqual([]);
  const { moduleLoadList } = process as unknown as { moduleLoadList: string[] };
  expect(moduleLoadList.filter((name) => name.includes("isolated"))).toEqual([]);
});

test("a plugin that does not load leaves nothing in its process", async () => {
  const rssMb = () => {
    const statm = readFileSync(`/proc/${runtime.usage("reload")?.pid}/statm`, "utf8");
    return (Number(statm.split(" ")[1]) * 4_096) / 1e6;
  };
  await runtime.run("reload", "count");
  const fail = () =>
    expect(runtime.load("bad", `throw new Error("no")`)).rejects.toMatchObject({
      code: "plugin_threw",
    });
  for (let load = 0; load < 10; load += 1) await fail();
  const before = rssMb();
  for (let load = 0; load < 60; load += 1) await fail();
  expect(rssMb() - before).toBeLessThan(60);
});
