import { RbsmError } from "@rising-bsm/protocol";
import { createMiddleware } from "hono/factory";
import { isFromAdmin } from "../auth.ts";
import { describeError } from "../describe-error.ts";
import type { AppEnv, Bindings } from "../env.ts";
import { networkOf } from "../network-of.ts";
import { countedAddress, rateClass } from "./rate-class.ts";
import type { RateClass } from "./rate-class.ts";

const BINDINGS = {
  browse: "RATE_BROWSE",
  search: "RATE_SEARCH",
  write: "RATE_WRITE",
  beacon: "RATE_BEACON",
} as const satisfies Record<RateClass, keyof Bindings>;

/** What a /48 may do, which one customer can have, or thousands: ten times what each /64 in it may. */
const WIDE = {
  browse: "RATE_WIDE_BROWSE",
  search: "RATE_WIDE",
  write: "RATE_WIDE_WRITE",
  beacon: "RATE_WIDE",
} as const satisfies Record<RateClass, keyof Bindings>;

/** Windows of the bindings are this long: wrangler.toml. */
const PERIOD_S = 60;

/**
 * Cuts off floods of one network at one location, before a database is asked. It is no accounting: what
 * has to be exact is counted in the database. Without its bindings, or when they fail, nothing is cut
 * off, and the administrator never is.
 */
export const limitRate = createMiddleware<AppEnv>(async (c, next) => {
  const kind = rateClass(c.req.raw);
  const address = countedAddress(c.req.header("cf-connecting-ip"));
  if (kind !== null && address !== null) {
    const isWithin = await isWithinLimits(c.env, kind, address);
    if (!isWithin && !(await isFromAdmin(c))) {
      const requestId = crypto.randomUUID();
      c.set("requestId", requestId);
      const headers = { "Retry-After": String(PERIOD_S), "Request-Id": requestId };
      throw new RbsmError("limit_rate", undefined, { headers });
    }
  }
  await next();
});

/** What its own network is refused does not count against the wide one, where others are too. */
async function isWithinLimits(env: Bindings, kind: RateClass, address: string): Promise<boolean> {
  const [narrow, wide] = [networkOf(address), networkOf(address, 48)];
  if (!(await takeOne(env, BINDINGS[kind], narrow))) return false;
  return wide === narrow || takeOne(env, WIDE[kind], `${kind} ${wide}`);
}

type Limits = (typeof BINDINGS)[RateClass] | (typeof WIDE)[RateClass];

async function takeOne(env: Bindings, binding: Limits, key: string): Promise<boolean> {
  try {
    return (await env[binding]?.limit({ key }))?.success ?? true;
  } catch (error) {
    console.error({ rateLimit: binding, cause: describeError(error) });
    return true;
  }
}
