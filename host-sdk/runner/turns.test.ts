import { afterEach, expect, test } from "vitest";
import { startTestRuntime, type TestRuntime } from "../runtime/test-runtime.ts";

let runtime: TestRuntime;
afterEach(() => runtime.close());

const CALLS = Array.from({ length: 40 }, (_, n) => n);

test("what runs after any number of awaits still runs for the call that began it", async () => {
  runtime = startTestRuntime(async () => null);
  await runtime.load(
    "a",
    `export default class {
      async onActivate(api) { this.api = api; }
      async work(n) {
        for (let i = 0; i < n * 3; i += 1) await null;
        await this.api.storage.get("first " + n);
        for (let i = 0; i < n; i += 1) await Promise.resolve();
        await new Promise((resolve) => setTimeout(resolve, 1 + (n % 5)));
        await this.api.storage.get("second " + n);
        return n;
      }
    }`,
  );
  await runtime.executePlugin("a", {
    kind: "lifecycle",
    name: "onActivate",
    args: [],
    context: null,
  });
  const results = await Promise.all(
    CALLS.map((n) =>
      runtime.executePlugin("a", { kind: "method", name: "work", args: [n], context: n }),
    ),
  );
  expect(results.map(({ result }) => result)).toEqual(CALLS);
  const asked = runtime.hostCalls.map(({ context, args }) => JSON.stringify([context, args[0]]));
  const expected = CALLS.flatMap((n) =>
    ["first", "second"].map((part) => JSON.stringify([n, `${part} ${n}`])),
  );
  expect(asked.sort()).toEqual(expected.sort());
});

test("a call pays for its own work, not for that of the calls beside it", async () => {
  runtime = startTestRuntime();
  await runtime.load(
    "a",
    `export default class {
      spin(ms) { const end = Date.now() + ms; while (Date.now() < end); return ms; }
      small() { return 1; }
    }`,
  );
  const call = (name: string, args: number[]) =>
    runtime.executePlugin("a", { kind: "method", name, args, context: null });
  const spinning = call("spin", [150]);
  const small = await Promise.all(CALLS.map(() => call("small", [])));
  const { usage } = await spinning;
  const others = small.reduce((sum, outcome) => sum + outcome.usage.cpuMs, 0);
  expect(usage.cpuMs).toBeGreaterThan(others * 2);
});

test("calls that stand behind one that never ends are collateral, the one is limit_cpu", async () => {
  runtime = startTestRuntime();
  await runtime.load("a", `export default class { spin() { for (;;); } small() { return 1; } }`);
  const call = (name: string) =>
    runtime
      .executePlugin("a", { kind: "method", name, args: [], cpuMs: 60, context: null })
      .catch((error: { code: string; detail: { collateral?: boolean } }) => error);
  const ended = await Promise.all([call("small"), call("spin"), call("small"), call("small")]);
  expect(ended).toMatchObject([
    { result: 1 },
    { code: "limit_cpu" },
    { code: "plugin_crashed", detail: { collateral: true } },
    { code: "plugin_crashed", detail: { collateral: true } },
  ]);
});
