import { type ChildProcess, fork } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { setTimeout as wait } from "node:timers/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findPayload } from "./corpus.ts";
import { judge, type Observation, type Verdict } from "./judge.ts";
import { largestChildMb } from "./perform.ts";

const PROGRAM = fileURLToPath(new URL("laboratory.ts", import.meta.url));
const PROJECT = fileURLToPath(new URL("../../", import.meta.url));
const WEIGH_EVERY_MS = 10;
const ATTEMPTS = 3;
const REST_MS = 2_000;

/** A process with hosts in it, seen from outside; started again when a payload ends it. */
export interface Laboratory {
  /** What was wrong. What was only slow has to be so each of three times. */
  run(family: string, name: string): Promise<readonly string[]>;
  /** Ends it; rejects when its hosts leave it unable to end by itself. */
  close(): Promise<void>;
}

/** What one attempt showed. */
export interface Attempt extends Verdict {
  readonly observation?: Observation;
  readonly childMb: number;
}

export function createLaboratory(onAttempt: (attempt: Attempt) => void = () => undefined) {
  const secret = `canary-${randomBytes(12).toString("hex")}`;
  let started: Promise<ChildProcess> | undefined;
  let folder: string | undefined;

  async function start(): Promise<ChildProcess> {
    folder ??= await mkdtemp(join(tmpdir(), `${secret}-`));
    const child = fork(PROGRAM, {
      cwd: folder,
      env: { ...process.env, CANARY: secret, TMPDIR: folder },
      execArgv: [],
    });
    await once(child, "message");
    return child;
  }

  async function attempt(family: string, name: string): Promise<Attempt> {
    const child = await (started ??= start());
    const scale = weigh(child.pid ?? 0);
    const event = await order(child, { family, name });
    const childMb = scale.stop();
    if (event.observation === undefined) {
      started = undefined;
      return { broken: [`the host process ended: ${event.ended ?? ""}`], slow: [], childMb };
    }
    const { observation } = event;
    const secrets = [secret, PROJECT];
    const payload = findPayload(family, name);
    const calm = judge(payload, observation, { childMb, secrets, slowness: 1 });
    const verdict =
      calm.slow.length === 0
        ? calm
        : judge(payload, observation, { childMb, secrets, slowness: slownessNow() });
    return { ...verdict, observation, childMb };
  }

  return {
    async run(family: string, name: string) {
      for (let left = ATTEMPTS; ; left -= 1) {
        const seen = await attempt(family, name);
        onAttempt(seen);
        if (seen.broken.length > 0 || seen.slow.length === 0) return seen.broken;
        if (left === 1) return seen.slow;
        // After a crash it takes a moment until the next spare process is there.
        await wait(REST_MS);
      }
    },
    async close() {
      const child = await started;
      if (child !== undefined) {
        const exit = once(child, "exit");
        child.disconnect();
        const [code] = await exit;
        if (code !== 0) throw new Error(`The laboratory ended with ${code}`);
      }
      if (folder !== undefined) await rm(folder, { recursive: true, force: true });
    },
  } satisfies Laboratory;
}

/** The laboratory's answer, or how it ended instead. */
function order(child: ChildProcess, payload: { family: string; name: string }) {
  return new Promise<{ observation?: Observation; ended?: string }>((resolve) => {
    const onEnd = (code: number | null, signal: string | null) =>
      resolve({ ended: String(code ?? signal) });
    child.once("exit", onEnd);
    child.once("message", (observation: Observation) => {
      child.off("exit", onEnd);
      resolve({ observation });
    });
    child.send(payload);
  });
}

const SAMPLE_CPU_MS = 40;

/** How many times longer than its CPU a piece of work takes here, because others work too. */
function slownessNow(): number {
  const startedAt = performance.now();
  const before = process.threadCpuUsage();
  for (let workedMs = 0; workedMs < SAMPLE_CPU_MS;) {
    const { user, system } = process.threadCpuUsage(before);
    workedMs = (user + system) / 1_000;
  }
  return Math.max(1, (performance.now() - startedAt) / SAMPLE_CPU_MS);
}

function weigh(pid: number) {
  let childMb = 0;
  const timer = setInterval(() => {
    childMb = Math.max(childMb, largestChildMb(pid));
  }, WEIGH_EVERY_MS);
  return {
    stop() {
      clearInterval(timer);
      return childMb;
    },
  };
}
