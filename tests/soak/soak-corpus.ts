import { randomBytes } from "node:crypto";
import { CORPUS } from "../hostile/corpus.ts";
import { childCapMb, misanswered } from "../hostile/judge.ts";
import { goodPlugin, hostFor, type Hosts, NEIGHBOUR, openHosts } from "../hostile/open-hosts.ts";
import type { Payload } from "../hostile/payload.ts";
import { largestChildMb, perform } from "../hostile/perform.ts";
import { type GoodCalls, startGoodLoad } from "./good-load.ts";
import { repeatEvery } from "./repeat-every.ts";

/** How a family did. */
export interface FamilyRow {
  readonly payloads: number;
  readonly runs: number;
  /** Payloads that met the crash of another one; they were run again, alone. */
  readonly again: number;
  readonly failed: number;
}

/** What became of the corpus among good calls. */
export interface CorpusReport {
  readonly families: Readonly<Record<string, FamilyRow>>;
  readonly good: GoodCalls;
  /** Good calls that the host ran a second time by itself. */
  readonly retried: number;
  readonly largestChildMb: number;
  /** What went wrong, in words; nothing when all was contained. */
  readonly failures: readonly string[];
}

export interface CorpusOptions {
  readonly repeat: number;
  /** Aborted: what runs is finished, nothing else begins. */
  readonly signal: AbortSignal;
  readonly onProgress: (line: string) => void;
}

/** Payloads at a time. */
const AT_ONCE = 4;
/** What ends most payloads; the less, the more of them. */
const CPU_MS = 60;
const GOOD_EVERY_MS = 15;
const PROGRESS_MS = 10_000;
const WEIGH_MS = 50;
/** A good plugin that was near a crash lives alone; its next version meets the payloads again. */
const UPDATE_MS = 30_000;
/** A payload that failed among others has to pass so often alone. */
const ALONE = 3;
const GOOD_SHARE = 0.999;

interface Run {
  readonly family: string;
  readonly name: string;
  readonly payload: Payload;
}

/** Runs each payload `repeat` times, several at once, beside plugins that are called all the time. */
export async function soakCorpus(options: CorpusOptions): Promise<CorpusReport> {
  const { repeat, signal, onProgress } = options;
  const secret = `canary-${randomBytes(12).toString("hex")}`;
  const hosts = await openHosts(secret, CPU_MS);
  const good = [hosts.tight, hosts.roomy].map((host) => ({
    host,
    plugin: NEIGHBOUR,
    everyMs: GOOD_EVERY_MS,
  }));
  const load = startGoodLoad(good);
  const runs = allRuns();
  const done = new Map<string, number>();
  const suspects = new Set<Run>();
  const failed = new Map<Run, string>();
  const updates = startUpdates(hosts, secret);
  let largestMb = 0;
  const scale = repeatEvery(WEIGH_MS, () => {
    largestMb = Math.max(largestMb, largestChildMb(process.pid));
  });
  const total = runs.length * repeat;
  let begun = 0;
  const progress = repeatEvery(PROGRESS_MS, () => {
    const { calls, bad } = load.counts();
    onProgress(
      `${begun}/${total} runs, ${suspects.size} to repeat, good calls ${calls}, bad ${bad}`,
    );
  });

  const work = async () => {
    for (let run = runs[begun % runs.length]; begun < total && !signal.aborted && run;) {
      begun += 1;
      if ((await problemsOf(hosts, run, secret)).length > 0) suspects.add(run);
      done.set(run.family, (done.get(run.family) ?? 0) + 1);
      run = runs[begun % runs.length];
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  for (const run of suspects) {
    if (signal.aborted) break;
    const problems = await aloneProblems(hosts, run, secret);
    if (problems !== undefined) failed.set(run, problems);
  }
  await Promise.all([scale.stop(), progress.stop()]);
  const retried = await updates.stop();
  const calls = await load.stop();
  await hosts.close();
  const count = (family: string, of: Iterable<Run>) =>
    [...of].filter((run) => run.family === family).length;
  return {
    families: Object.fromEntries(
      Object.keys(CORPUS).map((family) => [
        family,
        {
          payloads: count(family, runs),
          runs: done.get(family) ?? 0,
          again: count(family, suspects),
          failed: count(family, failed.keys()),
        },
      ]),
    ),
    good: calls,
    retried,
    largestChildMb: Math.round(largestMb),
    failures: [
      ...[...failed].map(([{ family, name }, problem]) => `${family}: ${name}: ${problem}`),
      ...overall(calls, largestMb),
    ],
  };
}

function allRuns(): Run[] {
  return Object.entries(CORPUS).flatMap(([family, payloads]) =>
    Object.entries(payloads).map(([name, payload]) => ({ family, name, payload })),
  );
}

let payloads = 0;

/** What is wrong with one run, in words. */
async function problemsOf(hosts: Hosts, { payload }: Run, secret: string): Promise<string[]> {
  const { host } = hostFor(hosts, payload);
  payloads += 1;
  try {
    const outcome = await perform(host, payload, { plugin: `@hostile/payload-${payloads}` });
    const leak = outcome.seen.includes(secret) ? ["a secret is visible"] : [];
    return [...leak, ...misanswered(payload, outcome)];
  } catch (error) {
    return [`the host failed: ${String(error)}`];
  }
}

async function aloneProblems(hosts: Hosts, run: Run, secret: string): Promise<string | undefined> {
  for (let turn = 0; turn < ALONE; turn += 1) {
    const [problem] = await problemsOf(hosts, run, secret);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** Hot updates of the good plugins; the end answers how many of their calls were run twice. */
function startUpdates(hosts: Hosts, secret: string) {
  let version = 0;
  let retried = 0;
  const both = [hosts.tight, hosts.roomy];
  const count = async () => {
    for (const host of both) retried += (await host.usage(NEIGHBOUR)).retried;
  };
  const updates = repeatEvery(UPDATE_MS, async () => {
    await count();
    version += 1;
    for (const host of both) await host.add(goodPlugin(NEIGHBOUR, `1.0.${version}`, secret));
  });
  return {
    async stop(): Promise<number> {
      await updates.stop();
      await count();
      return retried;
    },
  };
}

function overall({ calls, bad }: GoodCalls, largestMb: number): string[] {
  const share = 1 - bad / Math.max(1, calls);
  return [
    ...(share < GOOD_SHARE
      ? [`only ${(share * 100).toFixed(3)} % of the good calls are good`]
      : []),
    ...(largestMb > childCapMb() ? [`a child took ${largestMb.toFixed(0)} MB`] : []),
  ];
}
