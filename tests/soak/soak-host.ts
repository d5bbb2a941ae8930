import { randomBytes } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { openBenchHost } from "../bench/bench-host.ts";
import { goodPlugin, NEIGHBOUR, ROOMY_CPU_MS } from "../hostile/open-hosts.ts";
import { startStallMeter } from "../hostile/stall-meter.ts";
import { eventually, ownChildren } from "../../host-sdk/runtime/own-children.ts";
import { type GoodCalls, startGoodLoad } from "./good-load.ts";
import { type HarmCounts, startHarm } from "./harm.ts";
import { repeatEvery } from "./repeat-every.ts";
import { growthPerMinute, readResources, type Resources } from "./resources.ts";

/** What a host looked like after hours or minutes of harm. */
export interface SoakReport extends Omit<HarmCounts, "faults"> {
  readonly minutes: number;
  readonly good: GoodCalls;
  readonly goodShare: number;
  readonly evictions: number;
  readonly before: Resources;
  /** Before the host is closed, and after it. */
  readonly atTheEnd: Resources;
  readonly after: Resources;
  /** Null after too short a time. */
  readonly heapGrowthMbPerMinute: number | null;
  readonly rssGrowthMbPerMinute: number | null;
  /** The longest turn of the event loop, in ms of CPU; the harm's own work and the load's included. */
  readonly longestTurnMs: number;
  readonly failures: readonly string[];
}

export interface SoakOptions {
  readonly minutes: number;
  /** Aborted: ends early, with a report of what was until then. */
  readonly signal: AbortSignal;
  readonly onProgress: (line: string) => void;
}

const SECOND = "@good/second";
/** Called so seldom that it is evicted each time. */
const SLEEPER = "@good/sleeper";
const IDLE_MS = 3_000;
const SLEEP_MS = 5_000;
const SAMPLE_MS = 10_000;
const GOOD_SHARE = 0.9995;
/** Samples of memory before that are warm-up, and fewer than this after it say nothing. */
const WARM_UP_SHARE = 1 / 3;
const MIN_SAMPLES = 10;
const HEAP_MB_PER_MINUTE = 1;
/** Three good plugins alone after crashes, the shared child and the spare one. */
const MOST_CHILDREN = 5;
/** What Node opens for itself when it is first needed. */
const OWN_DESCRIPTORS = 3;

/** Runs one host with good plugins and a hostile one, kills, updates and evictions. */
export async function soakHost({ minutes, signal, onProgress }: SoakOptions): Promise<SoakReport> {
  const startedAt = performance.now();
  const before = readResources();
  const secret = `canary-${randomBytes(12).toString("hex")}`;
  const host = await openBenchHost({ limits: { cpuMs: ROOMY_CPU_MS }, idleMs: IDLE_MS });
  for (const name of [NEIGHBOUR, SECOND, SLEEPER])
    await host.add(goodPlugin(name, "1.0.0", secret));
  const load = startGoodLoad([
    { host, plugin: NEIGHBOUR, everyMs: 15 },
    { host, plugin: SECOND, everyMs: 40 },
    { host, plugin: SLEEPER, everyMs: SLEEP_MS },
  ]);
  const harm = startHarm({ host, updated: [NEIGHBOUR, SECOND], secret });
  const memory = watchMemory((now) => {
    const seconds = Math.round((performance.now() - startedAt) / 1_000);
    onProgress(progressLine(seconds, { now, good: load.counts(), harm: harm.counts() }));
  });
  await wait(minutes * 60_000, undefined, { signal }).catch(() => undefined);
  const growth = await memory.stop();
  const { faults, ...done } = await harm.stop();
  const good = await load.stop();
  const { evictions } = await host.usage(SLEEPER);
  await eventually(() => ownChildren().length <= MOST_CHILDREN);
  const atTheEnd = readResources();
  await host.close();
  await eventually(() => ownChildren().length <= before.children);
  const report = {
    minutes: (performance.now() - startedAt) / 60_000,
    good,
    goodShare: 1 - good.bad / Math.max(1, good.calls),
    ...done,
    evictions,
    before,
    atTheEnd,
    after: readResources(),
    ...growth,
  };
  return { ...report, failures: [...faults, ...failuresOf(report)] };
}

/** Samples memory and the event loop every ten seconds. */
function watchMemory(onSample: (now: Resources) => void) {
  const meter = startStallMeter();
  const samples: Resources[] = [];
  const turns: number[] = [];
  const sampling = repeatEvery(SAMPLE_MS, () => {
    turns.push(meter.take());
    const now = readResources();
    // Collecting all garbage is a long turn of our own.
    meter.take();
    samples.push(now);
    onSample(now);
  });
  return {
    async stop() {
      await sampling.stop();
      meter.stop();
      const warm = samples.slice(Math.floor(samples.length * WARM_UP_SHARE));
      const slope = (of: (sample: Resources) => number) =>
        warm.length < MIN_SAMPLES ? null : growthPerMinute(warm.map(of), SAMPLE_MS);
      return {
        heapGrowthMbPerMinute: slope(({ heapMb }) => heapMb),
        rssGrowthMbPerMinute: slope(({ rssMb }) => rssMb),
        longestTurnMs: Math.max(0, ...turns),
      };
    },
  };
}

interface Progress {
  readonly now: Resources;
  readonly good: GoodCalls;
  readonly harm: HarmCounts;
}

function progressLine(seconds: number, { now, good, harm }: Progress): string {
  const { children, descriptors, heapMb, rssMb } = now;
  return [
    `${seconds} s`,
    `good calls ${good.calls}, bad ${good.bad}`,
    `hostile ${harm.hostileRuns}, kills ${harm.kills}, updates ${harm.updates}`,
    `children ${children}, descriptors ${descriptors}`,
    `heap ${heapMb.toFixed(1)} MB, RSS ${rssMb.toFixed(0)} MB`,
  ].join(" | ");
}

function failuresOf(report: Omit<SoakReport, "failures">): string[] {
  const { goodShare, before, atTheEnd, after, heapGrowthMbPerMinute, evictions } = report;
  const checks: [boolean, string][] = [
    [goodShare < GOOD_SHARE, `only ${(goodShare * 100).toFixed(3)} % of the good calls are good`],
    [atTheEnd.children > MOST_CHILDREN, `${atTheEnd.children} processes when all was quiet`],
    [after.children > before.children, `${after.children} processes outlive the host`],
    [after.descriptors > before.descriptors + OWN_DESCRIPTORS, "file descriptors outlive the host"],
    [after.timers > before.timers, "timers outlive the host"],
    [(heapGrowthMbPerMinute ?? 0) > HEAP_MB_PER_MINUTE, "the heap grows"],
    [evictions === 0 && report.minutes > 0.5, "nothing was evicted"],
  ];
  return checks.filter(([failed]) => failed).map(([, why]) => why);
}
