/**
 * How long after the end of its budget a runaway call is answered. Beside it raw isolated-vm with
 * the same timeout, of which some calls never end at all.
 */
import { z } from "zod";
import { type BenchRuntime, startBenchRuntime } from "./bench-runtime.ts";
import { atMost, type Figure, percentile, report, spread } from "./measure.ts";
import { rawIsolate } from "./peers.ts";

interface Runaway {
  readonly name: string;
  readonly body: string;
  /** The same where there is no api. */
  readonly rawBody?: string;
  readonly limits: { readonly cpuMs: number; readonly deadlineMs: number };
  readonly runs: number;
  readonly codes: readonly string[];
}

const BUDGET_MS = 100;
const GRACE_MS = 300;
/** How long the baseline is waited for. */
const PATIENCE_MS = 2_000;
const CPU = { cpuMs: BUDGET_MS, deadlineMs: 10_000 };

const RUNAWAYS: readonly Runaway[] = [
  { name: "a loop", body: "for (;;) {}", limits: CPU, runs: 20, codes: ["limit_cpu"] },
  {
    name: "a loop after an await",
    body: 'await this.api.storage.get("key"); for (;;) {}',
    rawBody: "await ask.apply(null, [], { result: { promise: true } }); for (;;) {}",
    limits: CPU,
    runs: 20,
    codes: ["limit_cpu"],
  },
  {
    name: "microtasks without end",
    body: "for (;;) await null",
    limits: CPU,
    runs: 20,
    codes: ["limit_cpu"],
  },
  {
    name: "a promise that never settles",
    body: "await new Promise(() => {})",
    limits: { cpuMs: 5_000, deadlineMs: BUDGET_MS },
    runs: 20,
    codes: ["limit_wall"],
  },
  {
    name: "a builtin that cannot be interrupted",
    body: "const n = 10n ** 2_000_000n; return ((n * n) % (n - 1n)) > 1n",
    limits: CPU,
    runs: 10,
    codes: ["limit_cpu"],
  },
  {
    name: "memory without end",
    body: "const kept = []; for (;;) kept.push({})",
    limits: { cpuMs: 500, deadlineMs: 10_000 },
    runs: 20,
    codes: ["limit_memory", "limit_cpu"],
  },
];

const CODE = `export default class {
  ok() { return "ok"; }
  ${RUNAWAYS.map(({ body }, index) => `async run${index}() { ${body} }`).join("\n")}
}`;

/** Ms and CPU until the answer, and which code came. */
async function contain(runtime: BenchRuntime, index: number, { limits }: Runaway) {
  const begun = performance.now();
  const error = await runtime.run("hostile", `run${index}`, limits).then(
    () => new Error("no refusal"),
    (error: unknown) => error,
  );
  const ms = performance.now() - begun;
  const { code, detail } = Refusal.parse(error);
  return { code, ms, cpuMs: detail.usage?.cpuMs ?? 0 };
}

const Refusal = z.object({
  code: z.string(),
  detail: z.object({ usage: z.object({ cpuMs: z.number() }).optional() }),
});

async function beside({ body, rawBody = body, limits }: Runaway): Promise<string> {
  const raw = rawIsolate();
  const budgetMs = Math.min(limits.cpuMs, limits.deadlineMs);
  const ms = await raw.runaway(rawBody, budgetMs, PATIENCE_MS);
  await raw.close();
  return Number.isFinite(ms) ? `${(ms - budgetMs).toFixed(0)} ms` : `not within ${PATIENCE_MS} ms`;
}

async function containment(): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const [index, runaway] of RUNAWAYS.entries()) {
    const { name, limits, runs, codes } = runaway;
    const past: number[] = [];
    const cpu: number[] = [];
    const wrong = new Set<string>();
    const budgetMs = Math.min(limits.cpuMs, limits.deadlineMs);
    const runtime = startBenchRuntime();
    for (let run = 0; run < runs; run += 1) {
      // A runtime counts crashes; each plugin here is one that has not crashed yet.
      await runtime.load("hostile", CODE);
      await runtime.run("hostile", "ok");
      const { code, ms, cpuMs } = await contain(runtime, index, runaway);
      if (!codes.includes(code)) wrong.add(code);
      past.push(ms - budgetMs);
      cpu.push(cpuMs - limits.cpuMs);
      await runtime.unloadPlugin("hostile");
    }
    await runtime.close();
    for (const list of [past, cpu]) list.sort((a, b) => a - b);
    const beyond = budgetMs === limits.cpuMs ? [`of CPU ${spread(cpu)}`] : [];
    const unexpected = [...wrong].map((code) => `answered with ${code}`);
    figures.push({
      name: `${name}: answered past its budget of ${budgetMs} ms`,
      value: [spread(past), ...beyond, ...unexpected].join("; "),
      baseline: `raw isolated-vm: ${await beside(runaway)}`,
      ratio: "–",
      ...atMost(wrong.size > 0 ? Infinity : percentile(past, 0.99), GRACE_MS, "ms p99"),
    });
  }
  return figures;
}

report(await containment());
