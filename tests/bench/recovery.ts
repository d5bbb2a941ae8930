/**
 * From SIGKILL of a child to the next answer of a plugin in it that had no part in it, with a spare
 * child and without. Beside it a bare fork: what a new process takes at least.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { type BenchRuntime, startBenchRuntime } from "./bench-runtime.ts";
import { atMost, type Figure, percentile, ratio, report, spread, timings } from "./measure.ts";

const RUNS = 10;
/** The spare child is made a second after the last one was taken. */
const SPARE_MS = 1_700;
const CODE = `export default class {
  async onActivate() { this.greeting = "Hello"; }
  greet(name) { return this.greeting + " " + name; }
}`;

async function bareFork(): Promise<void> {
  const child = fork("tests/bench/ipc-echo.mjs");
  child.send("hello");
  await once(child, "message");
  child.kill("SIGKILL");
}

/** Ms from the kill to the answer; the call is made as soon as the host knows that the child is gone. */
async function recover(runtime: BenchRuntime): Promise<number> {
  const pid = runtime.usage("bystander")?.pid;
  if (pid === undefined) throw new Error("The bystander has no child");
  const lost = new Promise<void>((resolve) => {
    const stop = runtime.on("state", ({ plugin, state }) => {
      if (plugin !== "bystander" || state !== "lost") return;
      stop();
      resolve();
    });
  });
  const begun = performance.now();
  process.kill(pid, "SIGKILL");
  // A runtime without an open call keeps no process running.
  const keepRunning = setInterval(() => undefined, 1_000);
  await lost;
  clearInterval(keepRunning);
  await runtime.run("bystander", "greet", { args: ["you"] });
  return performance.now() - begun;
}

async function recovery(spareChild: boolean): Promise<Figure> {
  const times: number[] = [];
  const bare: number[] = [];
  const runtime = startBenchRuntime({ spareChild });
  for (const id of ["bystander", "other"]) await runtime.load(id, CODE);
  for (let run = 0; run < RUNS; run += 1) {
    await sleep(spareChild ? SPARE_MS : 100);
    times.push(await recover(runtime));
    bare.push(...(await timings(bareFork, 1, 0)));
  }
  await runtime.close();
  for (const list of [times, bare]) list.sort((a, b) => a - b);
  return {
    name: `a bystander answers after SIGKILL of its child, ${spareChild ? "spare child" : "no spare child"}`,
    value: spread(times),
    baseline: `bare fork: ${spread(bare)}`,
    ratio: ratio(percentile(times, 0.5), percentile(bare, 0.5)),
    ...atMost(percentile(times, 0.95), 200, "ms p95"),
  };
}

report([await recovery(true), await recovery(false)]);
