/**
 * The baseline "raw isolated-vm": isolates in the process of the caller, no prelude, no limits but
 * memory and a timeout, JSON text in and out. A program of its own: a host never loads isolated-vm.
 */
import { z } from "zod";
import { type Ivm, loadAddon } from "../../host-sdk/runner/load-addon.ts";
import { findRunnerProgram } from "../../host-sdk/runtime/runner-program.ts";
import { measureCalls } from "./call-load.ts";

const Job = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("calls"), payload: z.json(), calls: z.int(), inFlight: z.int() }),
  z.object({ kind: z.literal("load"), source: z.string(), runs: z.int() }),
  z.object({ kind: z.literal("idle"), isolates: z.int() }),
  z.object({ kind: z.literal("runaway"), body: z.string(), budgetMs: z.number() }),
]);
type Job = z.output<typeof Job>;
type Isolate = InstanceType<Ivm["Isolate"]>;
type Reference = InstanceType<Ivm["Reference"]>;

const ivm = loadAddon(findRunnerProgram().addon);
const kept: Isolate[] = [];
let echo: Reference | undefined;

process.on("message", (message) => void answer(Job.parse(message)));

async function answer(job: Job): Promise<void> {
  process.send?.(await run(job));
}

function run(job: Job): Promise<unknown> {
  if (job.kind === "calls") return calls(job);
  if (job.kind === "load") return load(job.source, job.runs);
  if (job.kind === "idle") return idle(job.isolates);
  return runaway(job.body, job.budgetMs);
}

/** The function that `wrapped` is, in an isolate of its own. */
async function functionOf(wrapped: string): Promise<Reference> {
  const isolate = new ivm.Isolate({ memoryLimit: 32, onCatastrophicError: () => undefined });
  kept.push(isolate);
  const context = await isolate.createContext();
  await context.global.set("ask", new ivm.Reference(async () => null));
  return context.eval(wrapped, { reference: true });
}

const wrap = (body: string) => `(() => {
  const run = async (value) => { ${body} };
  return async (text) => JSON.stringify(await run(JSON.parse(text)));
})()`;

async function calls(load: Extract<Job, { kind: "calls" }>) {
  const reference = (echo ??= await functionOf(wrap("return value")));
  return measureCalls(async (payload) => {
    const text: unknown = await reference.apply(undefined, [JSON.stringify(payload)], {
      timeout: 500,
      result: { promise: true, copy: true },
    });
    return JSON.parse(String(text));
  }, load);
}

/** Enough for a bundle that looks whether they are there when it is evaluated. */
const WEB_NAMES = `Object.assign(globalThis, {
  crypto: { subtle: { digest() {} } },
  Headers: class {}, Request: class {}, Response: class {}, URL: class {}, TextEncoder: class {},
})`;

/** From nothing to an evaluated module, and the isolate gone again outside of the time. */
async function load(source: string, runs: number): Promise<{ times: number[] }> {
  const times: number[] = [];
  for (let index = 0; index < runs; index += 1) {
    const begun = performance.now();
    const isolate = new ivm.Isolate({ memoryLimit: 32 });
    const context = await isolate.createContext();
    await context.eval(WEB_NAMES);
    const module = await isolate.compileModule(source);
    await module.instantiate(context, () => {
      throw new Error("The bundle imports something");
    });
    await module.evaluate();
    times.push(performance.now() - begun);
    isolate.dispose();
  }
  return { times };
}

/** MB that each of many isolates with a small plugin adds to the process. */
async function idle(isolates: number): Promise<{ mbEach: number }> {
  await functionOf(wrap("return value"));
  const before = process.memoryUsage.rss();
  for (let index = 0; index < isolates; index += 1) await functionOf(wrap("return value"));
  return { mbEach: (process.memoryUsage.rss() - before) / 1e6 / isolates };
}

/** Answers after how many ms the call has ended; one that never ends does not answer. */
async function runaway(body: string, budgetMs: number): Promise<{ ms: number }> {
  const reference = await functionOf(wrap(body));
  const begun = performance.now();
  await reference
    .apply(undefined, ["null"], { timeout: budgetMs, result: { promise: true, copy: true } })
    .catch(() => undefined);
  return { ms: performance.now() - begun };
}
