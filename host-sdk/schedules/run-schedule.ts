import { type ErrorCode, RbsmError, SCHEDULE_LIMITS } from "@rising-bsm/protocol";
import type { HostStore } from "../store/host-store.ts";
import { type ScheduleKey, type StoredSchedule, writeSchedule } from "./schedule-row.ts";

/** Time as the scheduler sees it; tests bring their own. */
export interface ScheduleClock {
  /** Ms since 1970. */
  readonly now: () => number;
  /** Calls `work` once after `ms`, unless the function that it answers was called before. */
  readonly setTimer: (work: () => void, ms: number) => () => void;
}

/** What one run works with. */
export interface RunParts {
  readonly store: HostStore;
  readonly clock: ScheduleClock;
  /** Names this process in claims. */
  readonly owner: string;
  /** Runs the plugin's function under the limits of schedules. */
  readonly run: (key: ScheduleKey, signal: AbortSignal) => Promise<unknown>;
  readonly logger: { warn(message: string, fields?: Record<string, unknown>): void };
}

/** One run to make: `tick` is the planned time that it settles. */
export interface PlannedRun {
  readonly key: ScheduleKey;
  readonly tick: number;
  readonly stored: StoredSchedule;
  readonly signal: AbortSignal;
}

/** `claimed` is false when another process was faster; `error` is what the plugin threw. */
export interface RunEnd {
  readonly claimed: boolean;
  readonly error?: Error | undefined;
}

/** Claims a run, makes it and stores how it ended. */
export async function runSchedule(
  parts: RunParts,
  { key, tick, stored, signal }: PlannedRun,
): Promise<RunEnd> {
  const { store, clock, owner } = parts;
  const at = clock.now();
  const claimed = await writeSchedule(store, key, {
    ...stored,
    row: { ...stored.row, claim: { owner, tick, at } },
  });
  if (claimed === null) return { claimed: false };
  const claim = keepClaim(parts, key, claimed);
  const startedAt = performance.now();
  const error = await failureOf(parts.run(key, AbortSignal.any([signal, claim.lost])));
  const held = await claim.release();
  const outcome = error === undefined ? "ok" : codeOf(error);
  const { row } = held;
  const ended = await writeSchedule(store, key, {
    ...held,
    row: {
      ...row,
      // What the end of this process cut short is not over: the next one may make it up.
      settled: signal.aborted ? row.settled : Math.max(row.settled, tick),
      claim: null,
      last: { at, ms: Math.round(performance.now() - startedAt), outcome },
      runs: row.runs + 1,
      failures: row.failures + (outcome === "ok" ? 0 : 1),
    },
  });
  // Another process took the run over, or the plugin was uninstalled meanwhile.
  if (ended === null) parts.logger.warn("The end of a schedule's run was not stored", { ...key });
  if (error !== undefined)
    parts.logger.warn(`The schedule ${key.name} of ${key.plugin} failed`, { code: outcome });
  return { claimed: true, error };
}

async function failureOf(work: Promise<unknown>): Promise<Error | undefined> {
  return work.then(
    () => undefined,
    (error: unknown) =>
      error instanceof Error ? error : new RbsmError("internal", String(error), {}, error),
  );
}

function codeOf(error: Error): ErrorCode {
  return error instanceof RbsmError ? error.code : "internal";
}

interface HeldClaim {
  /** Aborted when another process has taken the run over. */
  readonly lost: AbortSignal;
  /** Stops renewing; answers the row as it is then. */
  readonly release: () => Promise<StoredSchedule>;
}

/** Writes the row again from time to time: others see by its version that this process is alive. */
function keepClaim(parts: RunParts, key: ScheduleKey, claimed: StoredSchedule): HeldClaim {
  const lost = new AbortController();
  let held = claimed;
  let renewing: Promise<void> = Promise.resolve();
  let cancel = () => {};
  const renew = async () => {
    const next = await writeSchedule(parts.store, key, held).catch((error: unknown) => {
      parts.logger.warn("A schedule's claim could not be renewed", { ...key, error });
      return held;
    });
    if (next === null) return lost.abort();
    held = next;
  };
  const wait = () => {
    cancel = parts.clock.setTimer(() => {
      renewing = renew();
      wait();
    }, SCHEDULE_LIMITS.renewClaimMs);
  };
  wait();
  return {
    lost: lost.signal,
    async release() {
      cancel();
      await renewing;
      return held;
    },
  };
}
