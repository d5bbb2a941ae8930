import { RbsmError } from "@rising-bsm/protocol";
import { createMiddleware } from "hono/factory";
import type { AppEnv } from "../env.ts";

/**
 * Refuses a form that another site sends through its visitors: it would speak in their name, and use
 * up what their network may do. Browsers say where a form comes from; who says nothing is none.
 */
export const requireOwnForm = createMiddleware<AppEnv>(async (c, next) => {
  const site = c.req.header("Sec-Fetch-Site");
  const origin = c.req.header("Origin");
  const isOwn =
    site === undefined
      ? origin === undefined || origin === new URL(c.req.url).origin
      : site === "same-origin" || site === "none";
  if (!isOwn) {
    throw new RbsmError("request_invalid", "The form was sent by another site", {
      fix: "Open the page here, and send its form.",
    });
  }
  await next();
});
