import { Hono } from "hono";
import { createMiddleware } from "hono/factory";
import { requireSchema } from "../database.ts";
import type { AppEnv } from "../env.ts";
import { answerNotFound, assignRequestId, defaultToNoStore } from "../http.ts";
import { readCredentials } from "./credentials.ts";
import { answer, answerLegacyError } from "./envelope.ts";
import { deliverAfterChange } from "../webhooks/after-change.ts";
import { licenseRoutes, verifyRoute } from "./license-routes.ts";
import { pluginRoutes } from "./plugin-routes.ts";

/** What the old connector asks for, below `/` and below `/v1`. */
const LEGACY = /^(?:\/v1)?\/(?:plugins|licenses|download|users|stats|health)(?:\/|$)/;
/** Of that what is nothing else here, so that it needs no sign of who asks. */
const ITS_OWN =
  /^(?:\/(?:plugins|plugins\/[^@/]+|plugins\/(?:@[^/]+\/)?[^/@]+\/(?:download|stats|reviews)|licenses\/.+|licenses|stats)|(?:\/v1)?\/(?:licenses\/verify|download\/[^/]+|users\/[^/]+\/licenses)|\/v1\/(?:stats|health))$/;

/**
 * The path, with the sign of a scope as it is. Where the slash behind the scope is escaped too, both are
 * one segment, the id of a plugin.
 */
function pathOf({ url }: Pick<Request, "url">): string {
  return new URL(url).pathname.replaceAll(/\/%40(?=[^/%]+\/)/g, "/@");
}

/** Whether a request is the old connector's: by its path, else by how it signs or names itself. */
export function isLegacyRequest(request: Pick<Request, "url" | "headers">): boolean {
  const path = pathOf(request);
  if (!LEGACY.test(path)) return false;
  if (ITS_OWN.test(path)) return true;
  const { headers } = request;
  return (
    (headers.get("x-client-version") ?? "").startsWith("1.") ||
    readCredentials(headers.get("authorization") ?? undefined) !== null
  );
}

const BASES = ["/", "/v1"];

function createLegacyApp(): Hono<AppEnv> {
  const app = new Hono<AppEnv>({ getPath: pathOf });
  app.onError(answerLegacyError);
  app.notFound(answerNotFound);
  app.use(assignRequestId, defaultToNoStore);
  for (const base of BASES) app.route(base, health).route(base, verifyRoute);
  // Verifying is as frequent as renewing; what it changes at times, the next change or the cron tells.
  app.use(deliverAfterChange, requireSchema);
  for (const base of BASES) app.route(base, licenseRoutes).route(base, pluginRoutes);
  return app;
}

const health = new Hono<AppEnv>().get("/health", (c) => answer(c, { status: "ok" }));

/** The old connector's routes. */
export const legacyApp = createLegacyApp();

/**
 * Answers the old connector as the marketplace that it was made for would have; every other request
 * passes by. Paths that both have are told apart by headers, so no cache may mix their answers.
 */
export const answerLegacy = createMiddleware<AppEnv>(async (c, next) => {
  if (isLegacyRequest(c.req.raw)) return legacyApp.fetch(c.req.raw, c.env, c.executionCtx);
  await next();
  if (LEGACY.test(c.req.path))
    c.header("Vary", "X-Client-Version, Authorization", { append: true });
  return undefined;
});
