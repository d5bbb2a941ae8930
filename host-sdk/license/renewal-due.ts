import type { LeaseClaims } from "@rising-bsm/protocol";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAILY_MS = 24 * HOUR_MS;
/** However long the marketplace asks to be left alone. */
const LONGEST_WAIT_MS = 6 * HOUR_MS;

/** A number from 0 to 1 that spreads the requests of many hosts. */
export type Jitter = () => number;

/** When to ask for the next lease: daily, or at half time of a shorter one, give or take a quarter. */
export function renewalPauseMs({ iat, exp }: LeaseClaims, jitter: Jitter): number {
  return spread(Math.min(DAILY_MS, ((exp - iat) * 1000) / 2), jitter);
}

/** A renewal that failed: how often in a row, and how long the marketplace asks to wait. */
export interface FailedRenewal {
  readonly failures: number;
  readonly retryAfterMs: number | undefined;
}

/**
 * How long to wait after it: a minute, doubled with each failure up to an hour, or an eighth of a
 * short lease; longer when the marketplace says so.
 */
export function retryPauseMs(
  claims: Pick<LeaseClaims, "iat" | "exp"> | null,
  { failures, retryAfterMs = 0 }: FailedRenewal,
  jitter: Jitter,
): number {
  const longest =
    claims === null ? HOUR_MS : Math.min(HOUR_MS, ((claims.exp - claims.iat) * 1000) / 8);
  const pause = Math.min(longest, MINUTE_MS * 2 ** Math.min(failures - 1, 10));
  return Math.max(spread(pause, jitter), Math.min(retryAfterMs, LONGEST_WAIT_MS));
}

function spread(pause: number, jitter: Jitter): number {
  return pause * (0.75 + jitter() / 2);
}
