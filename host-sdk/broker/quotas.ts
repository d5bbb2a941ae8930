import { RATE_LIMITS, RbsmError } from "@rising-bsm/protocol";

/** What is counted a minute: every host call, and some kinds of them once more. */
export type Quota = keyof typeof RATE_LIMITS;

/** Calls a minute, where they differ from RATE_LIMITS. */
export type PerMinute = Readonly<Partial<Record<Quota, number>>>;

const MINUTE_MS = 60_000;

const WORDS: Readonly<Record<Quota, string>> = {
  hostCalls: "host calls",
  writes: "writes",
  notifications: "notifications",
  fetches: "fetches",
};

/** Counts what plugins use up of their quotas, each plugin for itself. */
export interface Quotas {
  /** Takes one. Throws `limit_calls`, with the time after which the next one is there. */
  take(plugin: string, quota: Quota, now: number): void;
}

/**
 * A bucket of one minute's calls that fills up evenly (GCRA: a bucket is the one time at which it
 * would be full again).
 */
export function createQuotas(perMinute: PerMinute): Quotas {
  const fullAt = new Map<string, number>();

  return {
    take(plugin, quota, now) {
      const limit = perMinute[quota] ?? RATE_LIMITS[quota];
      const each = MINUTE_MS / limit;
      const key = `${quota} ${plugin}`;
      // A clock that was set back must not lock a plugin out for longer than a minute.
      const from = Math.min(Math.max(fullAt.get(key) ?? now, now), now + MINUTE_MS);
      const waitMs = from + each - (now + MINUTE_MS);
      // A thousandth of a ms is rounding.
      const refused = waitMs > 0.001;
      fullAt.set(key, refused ? from : from + each);
      if (refused) throw usedUp(quota, { limit, waitMs: Math.ceil(waitMs - 0.001) });
    },
  };
}

function usedUp(quota: Quota, { limit, waitMs }: { limit: number; waitMs: number }): RbsmError {
  return new RbsmError(
    "limit_calls",
    `A plugin may make ${limit} ${WORDS[quota]} a minute; the next one in ${waitMs} ms`,
    { quota, limit, retryAfterMs: waitMs, fix: "Do less at a time, or wait and try again." },
  );
}
