import { setTimeout as sleep } from "node:timers/promises";
import { CLIENT_LIMITS, RbsmError } from "@rising-bsm/protocol";

const LONGEST_PAUSE_MS = 30_000;
/** Who asks for more is not asked again by this call: its caller may come back later. */
const LONGEST_RETRY_AFTER_MS = 10_000;

/** Refusals that may be over at the next try. */
const PASSING = ["network_unreachable", "network_interrupted", "unavailable", "limit_rate"];

/** Tries that failed, and what the last of them was told. */
export interface FailedTry {
  /** 1 for the first. */
  readonly failures: number;
  /** How long was asked to wait; see {@link askedPause}. */
  readonly askedMs: number;
  readonly longestMs?: number;
  readonly baseMs?: number | undefined;
}

/** Whether the same request may be answered when it is made again. */
export function isPassing(error: unknown): boolean {
  return error instanceof RbsmError && PASSING.includes(error.code);
}

/** How long a refusal asks to wait, in ms; 0 when it does not. */
export function askedPause(error: unknown): number {
  return error instanceof RbsmError ? Number(error.detail["retryAfterMs"] ?? 0) : 0;
}

/**
 * How long to wait before the next try, in ms: full jitter, so that hosts that lost the marketplace
 * together do not come back together, and never before a Retry-After has passed. Null: not at all.
 */
export function pauseAfter(
  {
    failures,
    askedMs,
    longestMs = LONGEST_RETRY_AFTER_MS,
    baseMs = CLIENT_LIMITS.backOffMs,
  }: FailedTry,
  random: () => number = Math.random,
): number | null {
  if (failures >= CLIENT_LIMITS.attempts || askedMs > longestMs) return null;
  return askedMs + random() * Math.min(LONGEST_PAUSE_MS, baseMs * 2 ** (failures + 1));
}

/** Waits. Throws `cancelled` when `signal` ends it. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    throw new RbsmError("cancelled", undefined, {}, error);
  }
}
