import { RATE_LIMITS, RbsmError } from "@rising-bsm/protocol";
import { createTokenBucket } from "./token-bucket.ts";

/** What is counted a minute: every host call, and some kinds of them once more. */
export type Quota = keyof typeof RATE_LIMITS;

/** Calls a minute, where they differ from RATE_LIMITS. */
export type PerMinute = Readonly<Partial<Record<Quota, number>>>;

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

/** Each plugin has a minute's calls of each quota at once, and gets them back evenly. */
export function createQuotas(perMinute: PerMinute): Quotas {
  const buckets = new Map<string, (now: number) => number>();

  return {
    take(plugin, quota, now) {
      const limit = perMinute[quota] ?? RATE_LIMITS[quota];
      const key = `${quota} ${plugin}`;
      const takeToken =
        buckets.get(key) ?? createTokenBucket({ burst: limit, perSecond: limit / 60 });
      buckets.set(key, takeToken);
      const waitMs = takeToken(now);
      if (waitMs > 0) throw usedUp(quota, { limit, waitMs });
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
