import type { LeaseClaims } from "@rising-bsm/protocol";

const DAILY_MS = 24 * 3_600_000;
const RETRY_MS = 3_600_000;

/** A number from 0 to 1 that spreads the requests of many hosts. */
export type Jitter = () => number;

/** When to ask for the next lease: daily, or at half time of a shorter one, give or take a quarter. */
export function renewalDueAt({ iat, exp }: LeaseClaims, jitter: Jitter): number {
  const pause = Math.min(DAILY_MS, ((exp - iat) * 1000) / 2);
  return iat * 1000 + spread(pause, jitter);
}

/** When to ask again after a renewal that failed, whatever the reason. */
export function retryDueAt({ iat, exp }: LeaseClaims, now: number, jitter: Jitter): number {
  return now + spread(Math.min(RETRY_MS, ((exp - iat) * 1000) / 8), jitter);
}

function spread(pause: number, jitter: Jitter): number {
  return pause * (0.75 + jitter() / 2);
}
