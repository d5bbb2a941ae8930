import { RbsmError } from "@rising-bsm/protocol";

const KEPT = 1_000;

/** Sums over the calls of one plugin. */
export interface CallStats {
  calls: number;
  failures: number;
  retried: number;
  evictions: number;
  loads: number;
  cpuMs: number;
  readonly stopped: Map<string, number>;
  /** Wall times of the last calls, the oldest overwritten first. */
  readonly wallMs: number[];
}

export function createStats(): CallStats {
  return {
    calls: 0,
    failures: 0,
    retried: 0,
    evictions: 0,
    loads: 0,
    cpuMs: 0,
    stopped: new Map(),
    wallMs: [],
  };
}

/** Counts a call that is over; `error` when it failed. */
export function countCall(stats: CallStats, wallMs: number, error?: unknown): void {
  stats.wallMs[stats.calls % KEPT] = wallMs;
  stats.calls += 1;
  if (error === undefined) return;
  stats.failures += 1;
  if (!(error instanceof RbsmError) || !STOPS.test(error.code)) return;
  stats.stopped.set(error.code, (stats.stopped.get(error.code) ?? 0) + 1);
}

/** What ends a call from outside of the plugin's code. */
const STOPS = /^limit_|^plugin_crashed$/;

/** The wall time in ms that `share` of the last calls stay below; 0 before the first. */
export function percentile(stats: CallStats, share: number): number {
  const sorted = stats.wallMs.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
}
