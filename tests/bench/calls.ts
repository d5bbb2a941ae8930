import type { Json } from "@rising-bsm/protocol";
import { type BenchHost, openBenchHost } from "./bench-host.ts";
import { startBenchRuntime } from "./bench-runtime.ts";
import { type CallLoad, measureCalls, PAYLOADS, type Peer } from "./call-load.ts";
import { atMost, type Figure, NO_GOAL, percentile, ratio, report, spread } from "./measure.ts";
import { forkIpc, jsonPipe, rawIsolate } from "./peers.ts";

/** Calls of one plugin and of four, in flight at a time: goals ≤ 0.25 ms (1 KB) and ≥ 15,000/s. */
const ROUNDS = 5;
const SERIAL_CALLS = 300;
const PARALLEL_CALLS = 2_400;
const IN_FLIGHT = 16;
const STORAGE_READS = 10;
/** A plugin may make 6,000 host calls a minute. */
const STORAGE_CALLS = 80;
const PLUGINS = ["@bench/a", "@bench/b", "@bench/c", "@bench/d"];
const CODE = `export default class {
  onInstall() { return this.api.storage.set("key", { some: "value" }); }
  echo(value) { return value; }
  async readTen(value) {
    for (let index = 0; index < ${STORAGE_READS}; index += 1) await this.api.storage.get("key");
    return value;
  }
}`;

type Call = (payload: Json) => Promise<unknown>;

function peerOf(call: Call, close: Peer["close"] = () => undefined): Peer {
  return { measure: (load) => measureCalls(call, load), close };
}

async function bareSupervisor(): Promise<Peer> {
  const runtime = startBenchRuntime();
  await runtime.load("bench", CODE);
  return peerOf(
    async (payload) => (await runtime.run("bench", "echo", { args: [payload] })).result,
    () => runtime.close(),
  );
}

interface Measured {
  readonly times: number[];
  readonly rates: number[];
}

/** Every peer with the same load, in turn, round by round, so that all meet the same machine. */
async function compare(
  peers: Readonly<Record<string, Peer>>,
  load: CallLoad,
): Promise<Map<string, Measured>> {
  const measured = new Map<string, Measured>();
  for (const name of Object.keys(peers)) measured.set(name, { times: [], rates: [] });
  for (let round = 0; round <= ROUNDS; round += 1)
    for (const [name, peer] of Object.entries(peers)) {
      const { times, perSecond } = await peer.measure(load);
      if (round === 0) continue;
      measured.get(name)?.times.push(...times);
      measured.get(name)?.rates.push(perSecond);
    }
  for (const { times, rates } of measured.values()) {
    times.sort((a, b) => a - b);
    rates.sort((a, b) => a - b);
  }
  return measured;
}

const OURS = ["host.call", "supervisor alone", "4 plugins"];

/** One line a way of ours, beside all baselines. `wanted` says whether the goal is met. */
function figuresOf(
  name: string,
  measured: ReadonlyMap<string, Measured>,
  { goal, inFlight }: { goal: (ours: Measured) => Pick<Figure, "goal" | "met">; inFlight: number },
): Figure[] {
  const all = [...measured];
  const text = ({ times, rates }: Measured) =>
    inFlight === 1
      ? spread(times)
      : `${Math.round(percentile(rates, 0.5)).toLocaleString("en-US")}/s, ${spread(times)}`;
  const bases = all.filter(([peer]) => !OURS.includes(peer));
  return all
    .filter(([peer]) => OURS.includes(peer))
    .map(([peer, ours]) => ({
      name: `${name}: ${peer}`,
      value: text(ours),
      baseline: bases.map(([base, its]) => `${base}: ${text(its)}`).join("; "),
      ratio: bases.map(([, its]) => ratioOf(ours, its, inFlight)).join("; "),
      ...(peer === "supervisor alone" ? NO_GOAL : goal(ours)),
    }));
}

function ratioOf(ours: Measured, base: Measured, inFlight: number): string {
  const median = ({ times, rates }: Measured) => percentile(inFlight === 1 ? times : rates, 0.5);
  return ratio(median(ours), median(base));
}

async function serialCalls(peers: Readonly<Record<string, Peer>>): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const [size, payload] of Object.entries(PAYLOADS)) {
    const measured = await compare(peers, { payload, calls: SERIAL_CALLS, inFlight: 1 });
    const goal = ({ times }: Measured) => atMost(percentile(times, 0.5), 0.25, "ms p50");
    figures.push(...figuresOf(`call, ${size}`, measured, { goal, inFlight: 1 }));
  }
  return figures;
}

async function parallelCalls(peers: Readonly<Record<string, Peer>>): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const [size, payload] of Object.entries(PAYLOADS)) {
    const load = { payload, calls: PARALLEL_CALLS, inFlight: IN_FLIGHT };
    const goal = ({ rates }: Measured) => ({
      goal: "≥ 15,000/s",
      met: percentile(rates, 0.5) >= 15_000 ? ("yes" as const) : ("no" as const),
    });
    const name = `${IN_FLIGHT} calls in flight, ${size}`;
    figures.push(...figuresOf(name, await compare(peers, load), { goal, inFlight: IN_FLIGHT }));
  }
  return figures;
}

/** A call that asks the host ten times, beside as many round trips of a child over a pipe. */
async function hostCalls(host: BenchHost, pipe: Peer): Promise<Figure> {
  const times: number[] = [];
  const base: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const load = { payload: 1, inFlight: 1 };
    const readTen = peerOf((payload) => host.call("@bench/a", "readTen", [payload]));
    times.push(...(await readTen.measure({ ...load, calls: STORAGE_CALLS })).times);
    const { perSecond } = await pipe.measure({ ...load, calls: STORAGE_CALLS * STORAGE_READS });
    base.push((1_000 / perSecond) * STORAGE_READS);
  }
  for (const list of [times, base]) list.sort((a, b) => a - b);
  return {
    name: `call with ${STORAGE_READS} storage.get, one after the other`,
    value: spread(times),
    baseline: `JSON pipe, ${STORAGE_READS} round trips: ${percentile(base, 0.5).toFixed(2)} ms`,
    ratio: ratio(percentile(times, 0.5), percentile(base, 0.5)),
    ...NO_GOAL,
  };
}

const host = await openBenchHost();
for (const name of PLUGINS) await host.add({ name, version: "1.0.0", code: CODE });
let turn = 0;
const one = peerOf((payload) => host.call("@bench/a", "echo", [payload]));
const four = peerOf((payload) => {
  turn = (turn + 1) % PLUGINS.length;
  return host.call(PLUGINS[turn] ?? "", "echo", [payload]);
});
const supervisor = await bareSupervisor();
const baselines = {
  "raw isolated-vm": rawIsolate(),
  "fork IPC": forkIpc(),
  "JSON pipe": jsonPipe(),
};
const ours = { "host.call": one, "supervisor alone": supervisor };
const figures = [
  ...(await serialCalls({ ...ours, ...baselines })),
  ...(await parallelCalls({ ...ours, "4 plugins": four, ...baselines })),
  await hostCalls(host, baselines["JSON pipe"]),
];
for (const peer of [supervisor, ...Object.values(baselines)]) await peer.close();
await host.close();
report(figures);
