import { setTimeout as sleep } from "node:timers/promises";
import { CLIENT_LIMITS, RbsmError } from "@rising-bsm/protocol";

const LONGEST_PAUSE_MS = 30_000;
/** A marketplace that asks for more is not asked again by this call: its caller may come back later. */
const LONGEST_RETRY_AFTER_MS = 10_000;

/** A try that failed, and how often one has already. */
export interface FailedTry {
  readonly error: unknown;
  /** 1 for the first. */
  readonly failures: number;
  readonly baseMs?: number | undefined;
}

/**
 * How long to wait before the next try, in ms: full jitter, so that hosts that lost the marketplace
 * together do not come back together, and never before a Retry-After has passed. Null: not at all.
 */
export function pauseAfter(
  { error, failures, baseMs = CLIENT_LIMITS.backOffMs }: FailedTry,
  random: () => number = Math.random,
): number | null {
  const asked = error instanceof RbsmError ? Number(error.detail["retryAfterMs"] ?? 0) : 0;
  if (failures >= CLIENT_LIMITS.attempts || asked > LONGEST_RETRY_AFTER_MS) return null;
  return asked + random() * Math.min(LONGEST_PAUSE_MS, baseMs * 2 ** (failures + 1));
}

/** Waits. Throws `cancelled` when `signal` ends it. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    throw new RbsmError("cancelled", undefined, {}, error);
  }
}
