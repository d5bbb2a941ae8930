import { RbsmError, type Json } from "@rising-bsm/protocol";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { PluginCall } from "./plugin-runtime.ts";
import { startTestRuntime, type TestRuntime } from "./test-runtime.ts";

let runtime: TestRuntime;
beforeAll(() => {
  runtime = startTestRuntime(async ({ method, args }): Promise<Json> => {
    if (method === "storage.get")
      throw new RbsmError("permission_denied", "storage is not granted");
    if (method === "customers.list") throw new TypeError("/srv/secret/path failed");
    return { method, args };
  });
});
afterAll(() => runtime.close());

const request = (path: string, more = {}) => ({
  method: "GET",
  url: `http://plugin${path}`,
  headers: [],
  body: null,
  ...more,
});

test("values cross as JSON, in both directions", async () => {
  await runtime.load(
    "echo",
    `export default class {
    echo(value) { return value; }
    odd() { return { at: new Date(0), skip: undefined, list: [undefined, NaN], map: new Map([[1, 2]]) }; }
    proto() { return JSON.parse('{"__proto__":{"bad":1},"good":2}'); }
    nothing() {}
  }`,
  );
  const value = { text: "Grüße 😀 \u2028 \ud800", list: [1, 2.5, null, { deep: [[]] }] };
  expect(await runtime.run("echo", "echo", [value])).toEqual(value);
  expect(await runtime.run("echo", "odd")).toEqual({
    at: "1970-01-01T00:00:00.000Z",
    list: [null, null],
    map: {},
  });
  expect(await runtime.run("echo", "nothing")).toBe(null);
  const cleaned = await runtime.run("echo", "proto");
  expect(Object.keys(Object(cleaned))).toEqual(["good"]);
  const poisoned = await runtime.run("echo", "echo", [
    JSON.parse('{"__proto__":{"bad":1},"good":2}'),
  ]);
  expect(Object.keys(Object(poisoned))).toEqual(["good"]);
});

test.each([
  ["a cycle", `const a = {}; a.a = a; return a`],
  ["a BigInt", `return { n: 1n }`],
  ["a function", `return { f() {} }`],
  ["a symbol", `return [Symbol("x")]`],
  ["65 levels", `let v = 1; for (let i = 0; i < 65; i += 1) v = [v]; return v`],
  ["a getter that throws", `return { get x() { throw 1 } }`],
  ["a toJSON that throws", `return { toJSON() { throw null } }`],
])("%s as a result is plugin_rejected_value", async (_, body) => {
  await runtime.load(
    "reject",
    `export default class { go() { ${body} } arg() { ${body.replace("return", 'return this.api.storage.set("k", ')}) } }`,
  );
  await expect(runtime.run("reject", "go")).rejects.toMatchObject({
    code: "plugin_rejected_value",
  });
  await expect(runtime.run("reject", "arg")).rejects.toMatchObject({
    code: "plugin_rejected_value",
  });
  await runtime.unloadPlugin("reject");
});

test("64 levels cross", async () => {
  await runtime.load(
    "depth",
    `export default class { go() { let v = 1; for (let i = 0; i < 64; i += 1) v = [v]; return v } }`,
  );
  expect(JSON.stringify(await runtime.run("depth", "go"))).toBe(
    `${"[".repeat(64)}1${"]".repeat(64)}`,
  );
});

test("errors cross with message, name and the plugin's own frames", async () => {
  await runtime.load("thrower", {
    "index.js": `
import { fail } from "./lib/fail.js";
export default class {
  typed() { fail(); }
  nil() { throw null; }
  text() { throw "just text"; }
  spoof() { throw Object.assign(new Error("Isolate was disposed during execution due to memory limit"), { code: "limit_memory", name: "RbsmError" }); }
  async denied() { await this.api.storage.get("k"); }
  async caught() { try { await this.api.storage.get("k"); } catch (e) { return [e.code, e.message, e instanceof Error]; } }
  async internal() { return this.api.customers.list().catch((e) => [e.code, e.message, e.stack.includes("secret")]); }
}`,
    "lib/fail.js": `export function fail() { throw new TypeError("typed"); }`,
  });
  const typed = await runtime.run("thrower", "typed").catch((error: unknown) => error);
  expect(typed).toMatchObject({
    code: "plugin_threw",
    message: "typed",
    detail: { name: "TypeError" },
  });
  const { stack } = (typed as RbsmError).detail;
  expect(String(stack)).toMatch(
    /^ +at fail \(rbsm:\/@acme\/hello@1\.0\.0\/lib\/fail\.js:1:\d+\)\n +at .*index\.js:4:/,
  );
  expect(String(stack)).not.toMatch(/runner|prelude|\/work|node:/);
  await expect(runtime.run("thrower", "nil")).rejects.toMatchObject({
    code: "plugin_threw",
    message: "null",
  });
  await expect(runtime.run("thrower", "text")).rejects.toMatchObject({
    code: "plugin_threw",
    message: "just text",
  });
  await expect(runtime.run("thrower", "spoof")).rejects.toMatchObject({ code: "plugin_threw" });
  await expect(runtime.run("thrower", "denied")).rejects.toMatchObject({
    code: "permission_denied",
    message: "storage is not granted",
  });
  expect(await runtime.run("thrower", "caught")).toEqual([
    "permission_denied",
    "storage is not granted",
    true,
  ]);
  expect(await runtime.run("thrower", "internal")).toEqual([
    "internal",
    "The host could not serve customers.list",
    false,
  ]);
  expect(runtime.usage("thrower")?.reloads).toBe(0);
});

test("every async function of the api is a host call with the caller's context", async () => {
  await runtime.load(
    "api",
    `export default class {
    async go() {
      const { api } = this;
      await api.customers.notes.add(7, "text");
      await api.appointments.upcoming();
      await api.plugins.call("@a/b", "m", 1, [2]);
      return [Object.isFrozen(api), Object.isFrozen(api.customers.notes), api.license.has("pro"), api.license.has("x"), api.license.info(), api.config.color];
    }
  }`,
    { config: { color: "red" }, license: { entitlements: ["pro"], info: { plan: "team" } } },
  );
  runtime.hostCalls.length = 0;
  const context = { actor: "anna" };
  expect(await runtime.run("api", "go", [], { context })).toEqual([
    true,
    true,
    true,
    false,
    { plan: "team" },
    "red",
  ]);
  expect(runtime.hostCalls).toEqual([
    { plugin: "api", context, method: "customers.notes.add", args: [7, "text"] },
    { plugin: "api", context, method: "appointments.upcoming", args: [] },
    { plugin: "api", context, method: "plugins.call", args: ["@a/b", "m", 1, [2]] },
  ]);
  await runtime.updatePlugin("api", {
    config: { color: "blue" },
    license: { entitlements: ["x"], info: null },
  });
  expect(await runtime.run("api", "go")).toEqual([true, true, false, true, null, "blue"]);
});

test("logs and console lines reach the host with their level and fields", async () => {
  await runtime.load(
    "log",
    `export default class { go() { this.api.log("warn", "m", { a: 1 }); console.log("x", { b: 2 }, 3); console.error(new Error("e")); this.api.log("odd", 5) } }`,
  );
  const { logs } = await runtime.executePlugin("log", {
    kind: "method",
    name: "go",
    args: [],
    context: null,
  });
  expect(logs).toEqual([
    { level: "warn", message: "m", fields: { a: 1 } },
    { level: "info", message: 'x {"b":2} 3' },
    { level: "error", message: "Error: e" },
    { level: "info", message: "5" },
  ]);
});

test("a Response is returned as it is, undefined is 204, a body crosses byte for byte", async () => {
  await runtime.load(
    "http",
    `export default class {
    async handleRequest(request) {
      const { pathname, searchParams } = new URL(request.url);
      if (pathname === "/none") return undefined;
      if (pathname === "/echo") return new Response(await request.arrayBuffer(), { status: 201, headers: { "x-type": request.headers.get("content-type") } });
      if (pathname === "/form") return [...(await request.formData())];
      if (pathname === "/cookies") { const r = new Response("ok"); r.headers.append("set-cookie", "a=1"); r.headers.append("set-cookie", "b=2"); return r; }
      return { method: request.method, q: searchParams.get("q"), text: await request.text() };
    }
  }`,
  );
  const ask = async (path: string, more = {}) => {
    const { result } = await runtime.executePlugin("http", {
      kind: "request",
      name: "",
      args: [request(path, more)],
      context: null,
    });
    return result as { status: number; headers: [string, string][]; body: string | null };
  };
  expect(await ask("/none")).toEqual({ status: 204, headers: [], body: null });
  const binary = Buffer.from([0, 255, 254, 128, 65]).toString("base64");
  const typed = { method: "POST", headers: [["Content-Type", "application/x-odd"]] };
  expect(await ask("/echo", { ...typed, body: binary })).toMatchObject({
    status: 201,
    headers: [["x-type", "application/x-odd"]],
    body: binary,
  });
  const text = Buffer.from("\ufeffGrüße 😀").toString("base64");
  expect((await ask("/echo", { ...typed, body: text })).body).toBe(text);
  const form = {
    method: "POST",
    headers: [["content-type", "application/x-www-form-urlencoded"]],
    body: Buffer.from("a=1+2&b=%C3%BC").toString("base64"),
  };
  expect(Buffer.from((await ask("/form", form)).body ?? "", "base64").toString()).toBe(
    '[["a","1 2"],["b","ü"]]',
  );
  expect((await ask("/cookies")).headers.filter(([name]) => name === "set-cookie")).toEqual([
    ["set-cookie", "a=1"],
    ["set-cookie", "b=2"],
  ]);
  expect(Buffer.from((await ask("/a?q=z")).body ?? "", "base64").toString()).toBe(
    '{"method":"GET","q":"z","text":""}',
  );
});

test("fetch is a host call and gives a Response", async () => {
  const fetching = startTestRuntime(async () => ({
    status: 200,
    headers: [["x-a", "b"]],
    body: Buffer.from("hello").toString("base64"),
  }));
  await fetching.load(
    "f",
    `export default class { async go() { const r = await fetch("https://api.example.com/x", { method: "post", body: "data" }); return [r.status, r.headers.get("x-a"), await r.text(), r.url] } }`,
  );
  expect(await fetching.run("f", "go")).toEqual([200, "b", "hello", "https://api.example.com/x"]);
  expect(fetching.hostCalls[0]).toMatchObject({
    method: "fetch",
    args: [
      {
        method: "POST",
        url: "https://api.example.com/x",
        headers: [["content-type", "text/plain;charset=UTF-8"]],
        body: Buffer.from("data").toString("base64"),
      },
    ],
  });
  await fetching.close();
});

test("every argument may have 64 levels of its own, in both directions", async () => {
  const nested = (depth: number): Json => (depth === 0 ? 1 : [nested(depth - 1)]);
  await runtime.load(
    "arguments",
    `export default class { echo(value) { return value; } ask(value) { return this.api.storage.set("k", value).then((call) => call.args[1]); } }`,
  );
  expect(await runtime.run("arguments", "echo", [nested(64)])).toEqual(nested(64));
  await expect(runtime.run("arguments", "echo", [nested(65)])).rejects.toMatchObject({
    code: "plugin_rejected_value",
  });
  expect(await runtime.run("arguments", "ask", [nested(60)])).toEqual(nested(60));
});

test("a list of small items is measured by its JSON, not by its indexes", async () => {
  await runtime.load(
    "items",
    `export default class { zeros(count) { return new Array(count).fill(0); } length(list) { return list.length; } }`,
  );
  const half = 524_287;
  const zeros = (length: number) => Array.from({ length }, () => 0);
  expect(await runtime.run("items", "zeros", [half])).toHaveLength(half);
  expect(await runtime.run("items", "length", [zeros(half - 1)])).toBe(half - 1);
  await expect(runtime.run("items", "zeros", [half + 1])).rejects.toMatchObject({
    code: "limit_payload",
  });
});

test.each(["license_required", 7])(
  "what an argument's proxies throw while it is read has no code of ours: %s",
  async (code) => {
    await runtime.load(
      "forger",
      `export default class { async go(code) {
        const thrown = new Proxy({}, { getPrototypeOf() { throw { code, message: "forged" } } });
        await this.api.storage.set("k", { toJSON() { throw thrown } });
      } }`,
    );
    await expect(runtime.run("forger", "go", [code])).rejects.toMatchObject({
      code: "plugin_rejected_value",
    });
    await runtime.unloadPlugin("forger");
  },
);

test("arguments that ask the host while they are read are within the same limit", async () => {
  await runtime.load(
    "nested",
    `export default class { async go(levels) {
      const calls = []; let level = 0;
      const value = { toJSON: () => { level += 1; if (level < levels) calls.push(this.api.storage.set("k", value)); return level } };
      calls.push(this.api.storage.set("k", value));
      return (await Promise.allSettled(calls)).filter(({ reason }) => reason?.code === "limit_calls").length;
    } }`,
  );
  const pid = runtime.usage("nested")?.pid;
  expect(await runtime.run("nested", "go", [32])).toBe(0);
  expect(await runtime.run("nested", "go", [40])).toBe(8);
  expect(runtime.usage("nested")?.pid).toBe(pid);
  await runtime.unloadPlugin("nested");
});

test("arguments that are no list are refused before the plugin sees them", async () => {
  await runtime.load("list", `export default class { echo(...values) { return values; } }`);
  for (const args of ["text", null, { length: 1 }]) {
    const call: PluginCall = { kind: "method", name: "echo", args: [], context: null };
    Reflect.set(call, "args", args);
    await expect(runtime.executePlugin("list", call)).rejects.toMatchObject({
      code: "plugin_rejected_value",
    });
  }
});

test("a plugin may keep the api it is given under its own name for it", async () => {
  await runtime.load(
    "keeper",
    `export default class { onActivate(api) { this.api = api; } go() { return typeof this.api.log; } }`,
  );
  await runtime.run("keeper", "onActivate", [], { kind: "lifecycle" });
  expect(await runtime.run("keeper", "go")).toBe("function");
});

test("a body of 1 MiB crosses both ways, whatever its bytes are; one more is limit_payload", async () => {
  await runtime.load(
    "web",
    `export default class {
    async handleRequest(request) {
      const quotes = Number(new URL(request.url).searchParams.get("quotes"));
      return quotes > 0 ? { text: '"'.repeat(quotes) } : new Response(await request.arrayBuffer());
    }
  }`,
  );
  const exchange = (bytes: Buffer, path = "/") =>
    runtime.executePlugin("web", {
      kind: "request",
      name: "handleRequest",
      args: [request(path, { method: "POST", body: bytes.toString("base64") })],
      context: null,
      cpuMs: 5_000,
    });
  const bodyOf = async (bytes: Buffer) => Object((await exchange(bytes)).result).body;
  const mebibyte = 1_048_576;
  for (const byte of [0x00, 0x22, 0x61, 0xff]) {
    const bytes = Buffer.alloc(mebibyte, byte);
    expect((await bodyOf(bytes)) === bytes.toString("base64")).toBe(true);
  }
  await expect(exchange(Buffer.alloc(mebibyte + 1, 0x61))).rejects.toMatchObject({
    code: "limit_payload",
  });
  const half = mebibyte / 2;
  const quotes = await exchange(Buffer.alloc(0), `/?quotes=${half - 6}`);
  expect(Buffer.from(Object(quotes.result).body, "base64")).toHaveLength(mebibyte - 1);
  await expect(exchange(Buffer.alloc(0), `/?quotes=${half}`)).rejects.toMatchObject({
    code: "limit_payload",
  });
});
