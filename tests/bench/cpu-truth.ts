/**
 * What a call is told it used of the CPU, beside what the kernel says its child took meanwhile: all
 * threads, in nanoseconds. Only one call is under way at a time.
 */
import { readdir, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { startBenchRuntime } from "./bench-runtime.ts";
import { type Figure, percentile, report } from "./measure.ts";

const RUNS = 10;
const SHARE = 0.2;
const SLACK_MS = 5;

const WORK: readonly (readonly [name: string, body: string])[] = [
  ["nothing", "return 1"],
  ["a loop of 100 ms", "const end = Date.now() + 100; while (Date.now() < end); return 1"],
  [
    "allocation",
    "let kept; for (let n = 0; n < 60_000; n += 1) kept = { n, list: [n, n], kept: n % 100 ? kept : null }; return kept.n",
  ],
  ["20,000 awaits", "for (let n = 0; n < 20_000; n += 1) await null; return 1"],
  [
    "50 timers",
    "for (let n = 0; n < 50; n += 1) { await new Promise((done) => setTimeout(done, 1)); for (let k = 0; k < 2_000; k += 1); } return 1",
  ],
  [
    "300 storage.get",
    "for (let n = 0; n < 300; n += 1) await this.api.storage.get('key'); return 1",
  ],
  [
    "300 storage.get, 30 at a time",
    "for (let n = 0; n < 10; n += 1) await Promise.all(Array.from({ length: 30 }, () => this.api.storage.get('key'))); return 1",
  ],
  [
    "JSON",
    "const rows = Array.from({ length: 2_000 }, (_, id) => ({ id, name: 'n' + id })); let size = 0; for (let n = 0; n < 10; n += 1) size += JSON.stringify(JSON.parse(JSON.stringify(rows))).length; return size",
  ],
  [
    "a result of 500 KB",
    "return Array.from({ length: 20_000 }, (_, id) => ({ id, name: 'n' + id }))",
  ],
];

const CODE = `export default class {
  ${WORK.map(([, body], index) => `async work${index}() { ${body} }`).join("\n")}
}`;

async function cpuMsOf(pid: number): Promise<number> {
  let ns = 0;
  for (const thread of await readdir(`/proc/${pid}/task`)) {
    const stat = await readFile(`/proc/${pid}/task/${thread}/schedstat`, "utf8").catch(() => "0");
    ns += Number(stat.split(" ")[0]);
  }
  return ns / 1e6;
}

async function cpuTruth(): Promise<Figure[]> {
  const runtime = startBenchRuntime({ spareChild: false });
  await runtime.load("meter", CODE);
  await sleep(1_000);
  const pid = runtime.usage("meter")?.pid ?? 0;
  const figures: Figure[] = [];
  for (const [index, [name]] of WORK.entries()) {
    const call = () => runtime.run("meter", `work${index}`, { cpuMs: 5_000 });
    await call();
    const told: number[] = [];
    const took: number[] = [];
    const beyond: number[] = [];
    for (let run = 0; run < RUNS; run += 1) {
      await sleep(30);
      const before = await cpuMsOf(pid);
      const { usage } = await call();
      const delta = (await cpuMsOf(pid)) - before;
      told.push(usage.cpuMs);
      took.push(delta);
      beyond.push(Math.abs(usage.cpuMs - delta) - (SHARE * delta + SLACK_MS));
    }
    for (const list of [told, took, beyond]) list.sort((a, b) => a - b);
    figures.push({
      name: `CPU that a call is told it took: ${name}`,
      value: `${percentile(told, 0.5).toFixed(1)} ms`,
      baseline: `the child by the kernel: ${percentile(took, 0.5).toFixed(1)} ms`,
      ratio: `${(percentile(told, 0.5) / percentile(took, 0.5)).toFixed(2)} ×`,
      goal: "within 20 % + 5 ms, always",
      met: percentile(beyond, 1) <= 0 ? "yes" : "no",
    });
  }
  await runtime.close();
  return figures;
}

report(await cpuTruth());
