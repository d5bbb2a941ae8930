import { createMiddleware } from "hono/factory";
import { describeError } from "../describe-error.ts";
import type { AppEnv } from "../env.ts";
import { deliverDue } from "./deliver.ts";

/** With the delivery that began last, less than a Worker may go on after its answer (30 s). */
const PASS_MS = 15_000;
/** Where licenses change. Renewals are not here: they change nothing that is told. */
const CHANGES = /^\/(?:v1\/)?(?:licenses|activations|offline|orders|payments|webhooks)(?:\/|$)/;

/** After a change, and after its answer, delivers what waits; what is left or fails, the cron does. */
export const deliverAfterChange = createMiddleware<AppEnv>(async (c, next) => {
  await next();
  const { method, path } = c.req;
  if (method === "GET" || method === "HEAD" || !c.res.ok || !CHANGES.test(path)) return;
  const pass = deliverDue(c.env, { ms: PASS_MS }).catch((error: unknown) => {
    const cause = describeError(error);
    console.error({ requestId: c.get("requestId"), webhooks: "A pass went wrong", cause });
  });
  c.executionCtx.waitUntil(pass);
});
