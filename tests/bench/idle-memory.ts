/**
 * What an idle plugin keeps in memory: RSS of the children that hold plugins over that of as many
 * empty ones (each with its spare isolates), and what is left after all were evicted.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type BenchRuntime, startBenchRuntime } from "./bench-runtime.ts";
import { rssMb, runnerPids } from "./child-memory.ts";
import { atMost, type Figure, report } from "./measure.ts";
import { rawIsolate } from "./peers.ts";

const CODE = `export default class {
  async onActivate() { this.greeting = "Hello"; }
  greet(name) { return this.greeting + " " + name; }
}`;
/** Spare isolates and the spare child are there by then. */
const SETTLE_MS = 3_000;
const IDLE_MS = 6_000;
/** An empty child ends after 5 s. */
const EMPTY_CHILD_MS = 6_500;
const COUNTS = [1, 20, 50];

/** MB of each of the plugins and of a child without any. */
async function weigh(runtime: BenchRuntime, ids: readonly string[]) {
  await sleep(SETTLE_MS);
  const used = [...new Set(ids.map((id) => runtime.usage(id)?.pid ?? 0))];
  const spare = (await runnerPids()).filter((pid) => !used.includes(pid));
  if (used.includes(0)) throw new Error("A plugin was evicted too early");
  if (spare.length !== 1) throw new Error(`${spare.length} spare children`);
  const emptyMb = await rssMb(spare);
  return { spare, emptyMb, mbEach: ((await rssMb(used)) - emptyMb * used.length) / ids.length };
}

async function idleMemory(): Promise<Figure[]> {
  const figures: Figure[] = [];
  const runtime = startBenchRuntime();
  const ids: string[] = [];
  let spare: number[] = [];
  for (const count of COUNTS) {
    while (ids.length < count) {
      const id = `plugin-${ids.length}`;
      ids.push(id);
      await runtime.load(id, CODE, { idleMs: IDLE_MS });
    }
    const raw = rawIsolate();
    const baseMb = await raw.idleMb(count);
    await raw.close();
    for (const id of ids) await runtime.run(id, "greet", { args: ["you"] });
    const weighed = await weigh(runtime, ids);
    spare = weighed.spare;
    figures.push({
      name: `memory of an idle plugin, ${count} loaded`,
      value: `${weighed.mbEach.toFixed(2)} MB`,
      baseline: `raw isolated-vm without prelude: ${baseMb.toFixed(2)} MB; an empty child: ${weighed.emptyMb.toFixed(0)} MB in all`,
      ratio: `${(weighed.mbEach / baseMb).toFixed(2)} ×`,
      ...atMost(weighed.mbEach, 2.5, "MB"),
    });
  }
  await sleep(IDLE_MS + EMPTY_CHILD_MS);
  const evicted = ids.filter((id) => runtime.usage(id)?.pid === undefined).length;
  const left = await rssMb((await runnerPids()).filter((pid) => !spare.includes(pid)));
  await runtime.close();
  figures.push({
    name: `memory of all children but the spare one, ${evicted} of ${ids.length} plugins evicted`,
    value: `${left.toFixed(2)} MB`,
    baseline: "–",
    ratio: "–",
    ...atMost(left, 0, "MB"),
  });
  return figures;
}

report(await idleMemory());
