/** A host that starts with 50 installed plugins: from `createPluginHost` to a call of each answered. */
import { type BenchHost, openBenchHost } from "./bench-host.ts";
import { atMost, type Figure, percentile, ratio, report, spread } from "./measure.ts";
import { rawIsolate } from "./peers.ts";

const PLUGINS = 50;
const RUNS = 6;
const CODE = `export default class {
  async onActivate() { this.greeting = "Hello"; }
  greet(name) { return this.greeting + " " + name; }
}`;

async function callAll(host: BenchHost, names: readonly string[]): Promise<void> {
  const answers = await Promise.all(names.map((name) => host.call(name, "greet", ["you"])));
  if (!answers.every((answer) => answer === "Hello you")) throw new Error("A wrong answer");
}

async function manyPlugins(): Promise<Figure[]> {
  const names = Array.from({ length: PLUGINS }, (_, index) => `@bench/plugin-${index}`);
  let host = await openBenchHost();
  for (const name of names) await host.add({ name, version: "1.0.0", code: CODE });
  const raw = rawIsolate();
  const times: number[] = [];
  const base: number[] = [];
  for (let run = 0; run < RUNS; run += 1) {
    const reopen = await host.closeForReopening();
    const begun = performance.now();
    host = await reopen();
    await callAll(host, names);
    times.push(performance.now() - begun);
    const each = await raw.load(CODE, PLUGINS);
    base.push(each.reduce((sum, ms) => sum + ms, 0));
  }
  await raw.close();
  await host.close();
  for (const list of [times, base]) list.sort((a, b) => a - b);
  return [
    {
      name: `${PLUGINS} plugins: host opened, all activated and called once`,
      value: spread(times),
      baseline: `raw isolated-vm, ${PLUGINS} isolates in a warm process: ${spread(base)}`,
      ratio: ratio(percentile(times, 0.5), percentile(base, 0.5)),
      ...atMost(percentile(times, 1), 1_000, "ms"),
    },
  ];
}

report(await manyPlugins());
