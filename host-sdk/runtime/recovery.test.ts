import { afterEach, beforeEach, expect, test } from "vitest";
import { eventually, isAlive, ownChildren } from "./own-children.ts";
import { startTestRuntime, type TestRuntime } from "./test-runtime.ts";

const CODE = `let runs = 0; export default class {
  async onActivate(api) { await api.storage.set("active", true); }
  async note(ms) { await this.api.storage.set("run", runs += 1); await new Promise((r) => setTimeout(r, ms)); return "done"; }
  spin() { this.api.storage.get("spin"); for (;;) {} }
  hi() { return "hi"; }
  hooks = { "customers.created": (event) => this.note(event.ms) };
  schedules = { note: () => this.note(200) };
}`;

let runtime: TestRuntime;
beforeEach(() => {
  runtime = startTestRuntime();
});
afterEach(() => runtime.close());

const outcomeOf = (call: Promise<unknown>) =>
  call.then(
    () => "ok",
    ({ code, detail }: { code: string; detail: { collateral?: boolean } }) =>
      detail.collateral === true ? `${code} as a bystander` : code,
  );

const runsOf = (plugin: string) =>
  runtime.hostCalls.filter((call) => call.plugin === plugin && call.args[0] === "run").length;

function pidOf(plugin: string): number {
  const { pid } = runtime.usage(plugin) ?? {};
  if (pid === undefined) throw new Error(`${plugin} is not loaded`);
  return pid;
}

/** As V8 does when it finds no way on. */
async function crashWhenRunning(...plugins: string[]): Promise<void> {
  expect(await eventually(() => plugins.every((plugin) => runsOf(plugin) > 0))).toBe(true);
  process.kill(pidOf(plugins[0] ?? ""), "SIGABRT");
}

test("a bystander's idempotent methods and hooks are run again, once; nothing else is", async () => {
  await runtime.load("safe", CODE, { idempotent: ["note", "customers.created"] });
  await runtime.load("unsafe", CODE);
  const hook = { kind: "hook", deadlineMs: 10_000 } as const;
  const calls = [
    runtime.run("safe", "note", [300]),
    runtime.run("safe", "customers.created", [{ ms: 300 }], hook),
    runtime.run("safe", "note", [], { kind: "schedule" }),
    runtime.run("unsafe", "note", [300]),
  ];
  expect(await eventually(() => runsOf("safe") === 3)).toBe(true);
  await crashWhenRunning("safe", "unsafe");
  expect(await Promise.all(calls.map(outcomeOf))).toEqual([
    "ok",
    "ok",
    "plugin_crashed as a bystander",
    "plugin_crashed as a bystander",
  ]);
  expect(runsOf("safe")).toBe(5);
  expect(runsOf("unsafe")).toBe(1);
  expect(runtime.usage("safe")).toMatchObject({
    calls: 3,
    failures: 1,
    retried: 2,
    stopped: { plugin_crashed: 1 },
  });
  expect(runtime.usage("unsafe")).toMatchObject({ retried: 0, stopped: { plugin_crashed: 1 } });
});

test("the call that ends an isolate is not run again, those beside it are", async () => {
  await runtime.load("p", CODE, { idempotent: ["spin", "note"] });
  const note = runtime.run("p", "note", [100]);
  expect(await eventually(() => runsOf("p") === 1)).toBe(true);
  expect(await outcomeOf(runtime.run("p", "spin", [], { cpuMs: 50 }))).toBe("limit_cpu");
  expect(await note).toBe("done");
  expect(runtime.hostCalls.filter(({ args }) => args[0] === "spin")).toHaveLength(1);
  expect(runtime.usage("p")).toMatchObject({ retried: 1, stopped: { limit_cpu: 1 } });
});

test("a call that is alone in its process is not a bystander", async () => {
  await runtime.load("p", CODE, { idempotent: ["note"] });
  const call = outcomeOf(runtime.run("p", "note", [300]));
  await crashWhenRunning("p");
  expect(await call).toBe("plugin_crashed");
  expect(runsOf("p")).toBe(1);
});

test("the second run has what is left of the first one's time", async () => {
  await runtime.load("p", CODE, { idempotent: ["note"] });
  await runtime.load("other", CODE);
  const startedAt = performance.now();
  const call = outcomeOf(runtime.run("p", "note", [60_000], { deadlineMs: 1_500 }));
  const other = outcomeOf(runtime.run("other", "note", [60_000]));
  await new Promise((resolve) => setTimeout(resolve, 500));
  await crashWhenRunning("p", "other");
  expect(await call).toBe("limit_wall");
  expect(runsOf("p")).toBe(2);
  expect(performance.now() - startedAt).toBeLessThan(4_000);
  expect(await other).toBe("plugin_crashed as a bystander");
});

test("after a crash the spare child takes the bystanders, and there is a new spare", async () => {
  await runtime.close();
  runtime = startTestRuntime(undefined, { spareChild: true });
  await runtime.load("culprit", CODE);
  await runtime.load("bystander", CODE);
  await runtime.run("bystander", "onActivate", [], { kind: "lifecycle" });
  const shared = pidOf("bystander");
  expect(await eventually(() => ownChildren().length === 2)).toBe(true);
  const spare = ownChildren().find((pid) => pid !== shared);
  const call = outcomeOf(runtime.run("culprit", "note", [60_000]));
  await crashWhenRunning("culprit");
  expect(await call).toBe("plugin_crashed");
  expect(await runtime.run("bystander", "hi")).toBe("hi");
  expect(pidOf("bystander")).toBe(spare);
  expect(ownChildren()).toEqual([spare]);
  expect(await eventually(() => ownChildren().length === 2)).toBe(true);
  const next = ownChildren().find((pid) => pid !== spare);
  // It also serves who must be alone, and other tiers.
  expect(await runtime.run("culprit", "hi")).toBe("hi");
  expect(pidOf("culprit")).toBe(next);
  expect(await eventually(() => ownChildren().length === 3)).toBe(true);
  const third = ownChildren().find((pid) => pid !== spare && pid !== next);
  await runtime.load("system", CODE, { tier: "system" });
  expect(pidOf("system")).toBe(third);
});

test("nobody can get a neighbour switched off", async () => {
  const stuck = `export default class {
    go() { return ("a" + "\\u0301\\u0323".repeat(3e5)).normalize("NFD").length; }
    async through() { this.api.plugins.call("victim", "note", 60000).catch(() => {}); await this.api.storage.get("k"); return ("a" + "\\u0301\\u0323".repeat(3e5)).normalize("NFD").length; }
  }`;
  await runtime.close();
  runtime = startTestRuntime(async ({ method, signal }) => {
    if (method !== "plugins.call") return null;
    return runtime.run("victim", "note", [60_000], { signal });
  });
  await runtime.load("victim", CODE);
  await runtime.load("attacker", stuck);
  const quarantined: string[] = [];
  runtime.on("state", ({ plugin, state }) => {
    if (state === "quarantined") quarantined.push(plugin);
  });
  for (let attack = 0; quarantined.length === 0 && attack < 8; attack += 1) {
    const before = runsOf("victim");
    const open = outcomeOf(runtime.run("victim", "note", [1_500]));
    expect(await eventually(() => runsOf("victim") > before)).toBe(true);
    const name = attack % 2 === 0 ? "go" : "through";
    await outcomeOf(runtime.run("attacker", name, [], { cpuMs: 20 }));
    expect(["ok", "plugin_crashed as a bystander"]).toContain(await open);
    expect(await runtime.run("victim", "hi")).toBe("hi");
  }
  expect(quarantined).toEqual(["attacker"]);
  expect(await outcomeOf(runtime.run("attacker", "go"))).toBe("plugin_quarantined");
  expect(await runtime.run("victim", "hi")).toBe("hi");
});

test("a plugin that was near a crash may be killed with others later without being counted", async () => {
  await runtime.load("a", CODE);
  await runtime.load("b", CODE);
  const calls = [
    outcomeOf(runtime.run("a", "note", [60_000])),
    outcomeOf(runtime.run("b", "note", [60_000])),
  ];
  await crashWhenRunning("a", "b");
  await Promise.all(calls);
  await Promise.all([runtime.run("a", "hi"), runtime.run("b", "hi")]);
  // Each is alone now.
  expect(pidOf("a")).not.toBe(pidOf("b"));
  expect(isAlive(pidOf("a")) && isAlive(pidOf("b"))).toBe(true);
});

test("a plugin whose process somebody else kills, however often, is not blamed, and what may be run again is", async () => {
  await runtime.load("p", CODE, { idempotent: ["note"] });
  for (let kill = 0; kill < 4; kill += 1) {
    const before = runsOf("p");
    const call = runtime.run("p", "note", [200]);
    expect(await eventually(() => runsOf("p") > before)).toBe(true);
    process.kill(pidOf("p"), "SIGKILL");
    expect(await outcomeOf(call)).toBe("ok");
  }
  expect(await runtime.run("p", "hi")).toBe("hi");
});

test("a process that crashes by itself is blamed on the plugin that is alone in it", async () => {
  await runtime.load("p", CODE, { idempotent: ["note"] });
  const outcomes: string[] = [];
  for (let crash = 0; crash < 4; crash += 1) {
    const before = runsOf("p");
    const call = runtime.run("p", "note", [200]);
    expect(await eventually(() => runsOf("p") > before)).toBe(true);
    process.kill(pidOf("p"), "SIGABRT");
    outcomes.push(await outcomeOf(call));
  }
  expect(outcomes).toEqual(Array.from({ length: 4 }, () => "plugin_crashed"));
  expect(await outcomeOf(runtime.run("p", "hi"))).toBe("plugin_quarantined");
});
