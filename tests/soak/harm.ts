import { randomInt } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import type { BenchHost } from "../bench/bench-host.ts";
import { CORPUS } from "../hostile/corpus.ts";
import { misanswered } from "../hostile/judge.ts";
import { goodPlugin } from "../hostile/open-hosts.ts";
import type { Payload } from "../hostile/payload.ts";
import { perform } from "../hostile/perform.ts";
import { ownChildren } from "../../host-sdk/runtime/own-children.ts";
import { repeatEvery } from "./repeat-every.ts";

/** What was done to a host. */
export interface HarmCounts {
  readonly hostileRuns: number;
  /** Payloads that were answered otherwise than alone; a process that is killed does that too. */
  readonly otherAnswers: number;
  readonly kills: number;
  readonly updates: number;
  /** Faults of the host itself, in words. */
  readonly faults: readonly string[];
}

/** Harm that goes on until it is stopped. */
export interface Harm {
  counts(): HarmCounts;
  stop(): Promise<HarmCounts>;
}

interface HarmOptions {
  readonly host: BenchHost;
  /** Names of good plugins, which get new versions all the time. */
  readonly updated: readonly string[];
  readonly secret: string;
}

const UPDATE_MS = 5_000;
const KILL_MS = [2_000, 8_000] as const;
/** An update that meets the end of its process fails, and the old version stays. */
const PASSING = ["plugin_crashed", "host_busy"];

/** A hostile plugin after the other, processes killed at random, and hot updates. */
export function startHarm({ host, updated, secret }: HarmOptions): Harm {
  const faults: string[] = [];
  const done = { hostileRuns: 0, otherAnswers: 0, kills: 0, updates: 0 };
  const payloads = Object.values(CORPUS).flatMap((family) => Object.values(family));

  const attack = async () => {
    const payload = pick(payloads);
    done.hostileRuns += 1;
    try {
      const plugin = `@hostile/payload-${done.hostileRuns}`;
      const outcome = await perform(host, payload, { plugin });
      if (outcome.seen.includes(secret)) faults.push(`a secret is visible: ${nameOf(payload)}`);
      if (misanswered(payload, outcome).length > 0) done.otherAnswers += 1;
    } catch (error) {
      faults.push(`the host failed at ${nameOf(payload)}: ${String(error)}`);
    }
  };
  const kill = async () => {
    await wait(randomInt(...KILL_MS));
    const children = ownChildren();
    if (children.length === 0) return;
    process.kill(pick(children), "SIGKILL");
    done.kills += 1;
  };
  const update = async () => {
    const name = updated[done.updates % updated.length] ?? "";
    done.updates += 1;
    try {
      await host.add(goodPlugin(name, `1.0.${done.updates}`, secret));
    } catch (error) {
      if (!PASSING.includes(String(Object(error).code)))
        faults.push(`an update failed: ${String(error)}`);
    }
  };
  const harms = [repeatEvery(0, attack), repeatEvery(0, kill), repeatEvery(UPDATE_MS, update)];
  const counts = () => ({ ...done, faults });
  return {
    counts,
    async stop() {
      await Promise.all(harms.map((harm) => harm.stop()));
      return counts();
    },
  };
}

function pick<T>(items: readonly [T, ...T[]] | readonly T[]): T {
  const item = items[randomInt(items.length)];
  if (item === undefined) throw new Error("There is nothing to pick from");
  return item;
}

function nameOf(payload: Payload): string {
  const names = Object.entries(CORPUS).flatMap(([family, members]) =>
    Object.keys(members)
      .filter((name) => members[name] === payload)
      .map((name) => `${family}: ${name}`),
  );
  return names[0] ?? "?";
}
