import { getEventListeners } from "node:events";
import { readFileSync } from "node:fs";
import { CALL_LIMITS, RUNTIME_LIMITS } from "@rising-bsm/protocol";
import { afterAll, beforeAll, expect, test } from "vitest";
import { codeOf } from "../testing/expectations.ts";
import { startTestRuntime, type TestRuntime } from "./test-runtime.ts";

const PLUGIN = `
let kept = 0;
export default class {
  kept() { return kept += 1; }
  never() { return new Promise(() => {}); }
  spin() { for (;;) {} }
  async spinLater() { await this.api.storage.get("k"); for (;;) {} }
  async spinMicrotasks() { for (;;) await null; }
  async spinTimers() { for (;;) { await new Promise((r) => setTimeout(r, 0)); const end = Date.now() + 5; while (Date.now() < end); } }
  async spinAfterReturn() { this.api.storage.get("k").then(() => { for (;;) {} }); return "early"; }
  burn(ms) { const end = Date.now() + ms; while (Date.now() < end); return "burnt"; }
  async sleep(ms) { await new Promise((r) => setTimeout(r, ms)); return "slept"; }
  heap() { const a = []; for (;;) a.push({ a: [a.length] }); }
  allocate(mb) { const a = []; for (let i = 0; i < mb; i += 1) a.push(new Uint8Array(1 << 20).fill(i)); return a.length; }
  size(n) { return "x".repeat(n); }
  umlauts(n) { return "ü".repeat(n); }
  take(text) { return text.length; }
  async ask(n) { const all = await Promise.allSettled(Array.from({ length: n }, () => this.api.storage.get("k"))); return all.map((x) => x.reason?.code ?? "ok"); }
  async askUncaught(n) { await Promise.all(Array.from({ length: n }, () => this.api.storage.get("k"))); return n; }
  async send(n) { await this.api.storage.set("k", "x".repeat(n)); return n; }
  log(lines, length) { for (let i = 0; i < lines; i += 1) this.api.log("info", "x".repeat(length)); return lines; }
  logBytes(n) { this.api.log("info", "x".repeat(n - 2), {}); return n; }
  async deepArgument(n) { let v = 1; for (let i = 0; i < n; i += 1) v = [v]; await this.api.storage.set("k", v); return n; }
  logCaught(lines) { let refused = 0; for (let i = 0; i < lines; i += 1) try { console.log("x"); } catch (e) { if (e.code === "limit_log") refused += 1; } return refused; }
}`;

/** Marks in the wrong order are sorted one by one, in C++. */
const STUCK = `export default class { go() { return ("a" + "\\u0301\\u0323".repeat(3e5)).normalize("NFD").length } hi() { return "hi" } }`;

let runtime: TestRuntime;
beforeAll(async () => {
  runtime = startTestRuntime(
    ({ method }) => new Promise((resolve) => setTimeout(() => resolve(method), 20)),
  );
  await runtime.load("p", PLUGIN);
  await runtime.load("neighbour", `export default class { hi() { return "hi"; } }`);
});
afterAll(() => runtime.close());

test.each(["spin", "spinLater", "spinMicrotasks", "spinTimers"])(
  "%s with 5 s of wall time is limit_cpu",
  async (name) => {
    const startedAt = performance.now();
    expect(await codeOf(runtime.run("p", name, [], { deadlineMs: 5_000, cpuMs: 200 }))).toBe(
      "limit_cpu",
    );
    expect(performance.now() - startedAt).toBeLessThan(4_500);
    expect(await runtime.run("neighbour", "hi")).toBe("hi");
    expect(await runtime.run("p", "kept")).toBe(1);
  },
);

test("a loop that starts after the call has returned is ended too", async () => {
  expect(await runtime.run("p", "spinAfterReturn", [], { cpuMs: 100 })).toBe("early");
  const lost = new Promise((resolve) => {
    const stop = runtime.on("state", ({ plugin, code }) => {
      if (plugin !== "p") return;
      stop();
      resolve(code);
    });
  });
  expect(await lost).toBe("limit_cpu");
});

test("CPU below the limit is not refused, and is reported truly", async () => {
  const { usage } = await runtime.executePlugin("p", {
    kind: "method",
    name: "burn",
    args: [100],
    context: null,
    cpuMs: 400,
  });
  expect(usage.wallMs).toBeGreaterThanOrEqual(100);
  expect(usage.cpuMs).toBeGreaterThan(20);
  expect(usage.cpuMs).toBeLessThanOrEqual(usage.wallMs);
  expect(usage.peakRssMb).toBeGreaterThan(20);
});

test("a call that never settles is limit_wall and costs nobody else anything", async () => {
  await runtime.run("p", "kept");
  const before = Number(await runtime.run("p", "kept"));
  const other = runtime.run("p", "sleep", [400]);
  const failure = runtime.run("p", "never", [], { deadlineMs: 200 });
  await expect(failure).rejects.toMatchObject({
    code: "limit_wall",
    detail: { usage: { wallMs: expect.any(Number) } },
  });
  expect(await other).toBe("slept");
  expect(await runtime.run("p", "kept")).toBe(before + 1);
});

test("a loop past the deadline is limit_wall when CPU is left", async () => {
  expect(await codeOf(runtime.run("p", "spin", [], { deadlineMs: 150, cpuMs: 5_000 }))).toBe(
    "limit_wall",
  );
});

test("the wall limit is met just below it", async () => {
  expect(await runtime.run("p", "sleep", [300], { deadlineMs: 500 })).toBe("slept");
});

test("the call that ends an isolate gets the reason, the others are collateral", async () => {
  const other = runtime.run("p", "never");
  const spin = runtime.run("p", "spin", [], { cpuMs: 50 });
  const [a, b] = await Promise.allSettled([other, spin]);
  expect(b).toMatchObject({ reason: { code: "limit_cpu" } });
  expect(a).toMatchObject({ reason: { code: "plugin_crashed", detail: { collateral: true } } });
});

test("a heap that grows without end is limit_memory, and the neighbour goes on", async () => {
  const hi = runtime.run("neighbour", "hi");
  expect(await codeOf(runtime.run("p", "heap", [], { cpuMs: 5_000 }))).toBe("limit_memory");
  expect(await hi).toBe("hi");
  expect(await runtime.run("neighbour", "hi")).toBe("hi");
});

test("buffers count as memory: 16 MB fit, 64 MB do not, unless granted", async () => {
  expect(await runtime.run("p", "allocate", [16])).toBe(16);
  expect(await codeOf(runtime.run("p", "allocate", [64]))).toBe("limit_memory");
  await runtime.load("big", PLUGIN, { limits: { memoryMb: 128 } });
  expect(await runtime.run("big", "allocate", [64])).toBe(64);
  await runtime.unloadPlugin("big");
});

test.each([
  "'x'.repeat(2 ** 29)",
  "new Array(1e9).fill(0)",
  "new ArrayBuffer(1e9)",
  "Array.fromAsync({ length: 1e8 })",
])("%s is limit_memory, and a RangeError for the plugin", async (text) => {
  const code = `export default class { go() { return ${text}; } see() { try { ${text} } catch (e) { return e instanceof RangeError && e.code === undefined; } } }`;
  await runtime.load("greedy", code);
  expect(await codeOf(runtime.run("greedy", "go"))).toBe("limit_memory");
  expect(await runtime.run("greedy", "see")).toBe(true);
  await runtime.unloadPlugin("greedy");
});

test("a plugin that is granted less memory than an isolate needs gets the least there is", async () => {
  await runtime.load("small", PLUGIN, { limits: { memoryMb: 1 } });
  expect(await runtime.run("small", "take", ["ok"])).toBe(2);
  expect(runtime.usage("small")?.pid).toBe(runtime.usage("neighbour")?.pid);
  await runtime.unloadPlugin("small");
});

test("a result of exactly 1 MiB crosses, one byte more is limit_payload", async () => {
  const fits = CALL_LIMITS.payloadBytes - 2;
  expect(await runtime.run("p", "size", [fits])).toHaveLength(fits);
  expect(await codeOf(runtime.run("p", "size", [fits + 1]))).toBe("limit_payload");
  expect(await runtime.run("p", "umlauts", [fits / 2])).toHaveLength(fits / 2);
  expect(await codeOf(runtime.run("p", "umlauts", [fits / 2 + 1]))).toBe("limit_payload");
});

test("an argument of exactly 1 MiB crosses, one byte more is limit_payload", async () => {
  const fits = CALL_LIMITS.payloadBytes - 4;
  expect(await runtime.run("p", "take", ["x".repeat(fits)])).toBe(fits);
  expect(await codeOf(runtime.run("p", "take", ["x".repeat(fits + 1)]))).toBe("limit_payload");
  expect(await codeOf(runtime.run("p", "send", [CALL_LIMITS.payloadBytes]))).toBe("limit_payload");
  expect(await runtime.run("p", "send", [1_000_000])).toBe(1_000_000);
});

test("32 host calls are in flight, the 33rd is limit_calls", async () => {
  expect(await runtime.run("p", "ask", [32])).toEqual(Array.from({ length: 32 }, () => "ok"));
  const codes = await runtime.run("p", "ask", [33]);
  expect(codes).toEqual([...Array.from({ length: 32 }, () => "ok"), "limit_calls"]);
  expect(await codeOf(runtime.run("p", "askUncaught", [33]))).toBe("limit_calls");
  expect(await runtime.run("p", "askUncaught", [32])).toBe(32);
});

test("256 lines are logged, the 257th is limit_log; so is the first byte past 64 KiB", async () => {
  expect(await runtime.run("p", "log", [256, 1])).toBe(256);
  expect(await codeOf(runtime.run("p", "log", [257, 1]))).toBe("limit_log");
  expect(await runtime.run("p", "log", [64, 1_024])).toBe(64);
  expect(await codeOf(runtime.run("p", "log", [65, 1_024]))).toBe("limit_log");
  expect(await runtime.run("p", "logCaught", [300])).toBe(44);
  expect(await runtime.run("p", "logBytes", [CALL_LIMITS.logBytes])).toBe(CALL_LIMITS.logBytes);
  expect(await codeOf(runtime.run("p", "logBytes", [CALL_LIMITS.logBytes + 1]))).toBe("limit_log");
});

test("64 levels cross as an argument, to the plugin and to the host; 65 do not", async () => {
  const nested = (levels: number) => JSON.parse(`${"[".repeat(levels)}1${"]".repeat(levels)}`);
  expect(await runtime.run("p", "take", [nested(64)])).toBe(1);
  expect(await codeOf(runtime.run("p", "take", [nested(65)]))).toBe("plugin_rejected_value");
  expect(await runtime.run("p", "deepArgument", [64])).toBe(64);
  expect(await codeOf(runtime.run("p", "deepArgument", [65]))).toBe("plugin_rejected_value");
});

test("a host call takes exactly 1 MiB and answers exactly 1 MiB, not a byte more", async () => {
  // ["k","…",null] around the value, and the two quotes of the answer.
  const largest = CALL_LIMITS.payloadBytes - '["k",""]'.length;
  const answers = CALL_LIMITS.payloadBytes - 2;
  let length = answers;
  const asking = startTestRuntime(async () => "x".repeat(length));
  await asking.load("p", PLUGIN);
  expect(await asking.run("p", "send", [largest])).toBe(largest);
  expect(await codeOf(asking.run("p", "send", [largest + 1]))).toBe("limit_payload");
  length = answers + 1;
  expect(await codeOf(asking.run("p", "send", [1]))).toBe("limit_payload");
  await asking.close();
});

test("an aborted call ends at once, also while its plugin loads, and leaves no listener", async () => {
  const slow = `await new Promise((r) => setTimeout(r, 1500)); export default class { hi() { return "hi"; } wait() { return new Promise(() => {}); } }`;
  await runtime.load("slow", slow);
  const controller = new AbortController();
  const { signal } = controller;
  for (let call = 0; call < 20; call += 1) await runtime.run("slow", "hi", [], { signal });
  await codeOf(runtime.run("slow", "missing", [], { signal }));
  expect(getEventListeners(signal, "abort")).toEqual([]);

  process.kill(runtime.usage("slow")?.pid ?? 0, "SIGKILL");
  while (runtime.usage("slow")?.pid !== undefined)
    await new Promise((resolve) => setTimeout(resolve, 5));
  const startedAt = performance.now();
  const call = codeOf(runtime.run("slow", "hi", [], { signal }));
  const late = codeOf(runtime.run("slow", "hi", [], { deadlineMs: 100 }));
  setTimeout(() => controller.abort(), 50);
  expect(await call).toBe("cancelled");
  expect(await late).toBe("limit_wall");
  expect(performance.now() - startedAt).toBeLessThan(1_400);
  expect(getEventListeners(signal, "abort")).toEqual([]);
  expect(await runtime.run("slow", "hi")).toBe("hi");
});

test("a host call knows when the time of its plugin call ends", async () => {
  const deadlines: number[] = [];
  const asking = startTestRuntime(async ({ deadline }) => {
    deadlines.push(deadline);
    return null;
  });
  await asking.load("p", PLUGIN);
  const startedAt = performance.now();
  expect(await asking.run("p", "ask", [1], { deadlineMs: 5_000 })).toEqual(["ok"]);
  expect(await asking.run("p", "ask", [1])).toEqual(["ok"]);
  const [first = 0, second = 0] = deadlines;
  expect(first - startedAt).toBeGreaterThanOrEqual(5_000);
  expect(first - startedAt).toBeLessThan(7_000);
  expect(second - startedAt).toBeGreaterThanOrEqual(CALL_LIMITS.methodWallMs);
  await asking.close();
});

test("the 129th open call of a plugin is host_busy at once", async () => {
  const controller = new AbortController();
  const open = Array.from({ length: 128 }, () =>
    codeOf(runtime.run("p", "never", [], { signal: controller.signal })),
  );
  await new Promise((resolve) => setImmediate(resolve));
  const startedAt = performance.now();
  expect(await codeOf(runtime.run("p", "kept"))).toBe("host_busy");
  expect(performance.now() - startedAt).toBeLessThan(1_000);
  controller.abort();
  expect(new Set(await Promise.all(open))).toEqual(new Set(["cancelled"]));
  expect(await codeOf(runtime.run("p", "kept"))).toBe("ok");
});

test("a builtin that V8 cannot interrupt costs the child, and the plugin lives on in its own", async () => {
  await runtime.load("stuck", STUCK);
  const before = runtime.usage("neighbour")?.pid;
  expect(await codeOf(runtime.run("stuck", "go", [], { cpuMs: 100 }))).toBe("limit_cpu");
  expect(await runtime.run("stuck", "hi")).toBe("hi");
  expect(await runtime.run("neighbour", "hi")).toBe("hi");
  expect(runtime.usage("neighbour")?.pid).not.toBe(before);
  expect(runtime.usage("stuck")?.pid).not.toBe(runtime.usage("neighbour")?.pid);
});

test("three crashes in a child of its own switch a plugin off", async () => {
  await runtime.load("crasher", STUCK);
  const states: string[] = [];
  const stop = runtime.on(
    "state",
    ({ plugin, state }) => void (plugin === "crasher" && states.push(state)),
  );
  for (let crash = 1; crash <= 4; crash += 1) {
    expect(await codeOf(runtime.run("crasher", "go", [], { cpuMs: 20 }))).toBe("limit_cpu");
    // The process ends 400 ms later; until then nobody knows that it has to.
    await new Promise((resolve) => setTimeout(resolve, 700));
  }
  expect(states).toContain("quarantined");
  expect(await codeOf(runtime.run("crasher", "hi"))).toBe("plugin_quarantined");
  stop();
});

test("cpuMs is within 20 % + 5 ms of the CPU that the child took", async () => {
  await runtime.load(
    "meter",
    `export default class {
    async go(ms) { let n = 0; const end = Date.now() + ms; while (Date.now() < end) { n += JSON.stringify({ n }).length; if (n % 9 === 0) await null; } return n; }
  }`,
  );
  await runtime.run("meter", "go", [5]);
  const pid = runtime.usage("meter")?.pid;
  const before = childCpuMs(pid);
  const { usage } = await runtime.executePlugin("meter", {
    kind: "method",
    name: "go",
    args: [300],
    context: null,
    cpuMs: 2_000,
  });
  const delta = childCpuMs(pid) - before;
  // The kernel counts in steps of 10 ms.
  expect(Math.abs(usage.cpuMs - delta)).toBeLessThanOrEqual(0.2 * delta + 5 + 10);
});

function childCpuMs(pid: number | undefined): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

test.runIf(process.platform === "linux")(
  "a thread for every isolate fits into a child's memory",
  async () => {
    await runtime.run("p", "kept");
    const limits = readFileSync(`/proc/${runtime.usage("p")?.pid}/limits`, "utf8");
    const stackBytes = Number(/^Max stack size +(\d+)/m.exec(limits)?.[1]);
    const { isolatesPerChild, dataAboveRssMb } = RUNTIME_LIMITS;
    expect(stackBytes * isolatesPerChild).toBeLessThanOrEqual(dataAboveRssMb * 2 ** 20);
  },
);

test("a deadline that no timer can wait for does not end the call at once", async () => {
  for (const deadlineMs of [Infinity, 1e12]) {
    expect(await runtime.run("p", "sleep", [50], { deadlineMs })).toBe("slept");
  }
  const { pid } = runtime.usage("p") ?? {};
  expect(await codeOf(runtime.run("p", "sleep", [50], { deadlineMs: 0 }))).toBe("limit_wall");
  expect(await codeOf(runtime.run("p", "sleep", [50], { deadlineMs: Number.NaN }))).toBe("usage");
  expect(runtime.usage("p")?.pid).toBe(pid);
});
