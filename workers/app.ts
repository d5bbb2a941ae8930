import type { OpenAPIHono } from "@hono/zod-openapi";
import { z } from "zod";
import { keys } from "./accounts/key-routes.ts";
import { accounts } from "./accounts/routes.ts";
import { scopes } from "./accounts/scope-routes.ts";
import { whoami } from "./accounts/whoami-routes.ts";
import { advisories } from "./advisories/routes.ts";
import { answerText } from "./answer-text.ts";
import { badges } from "./badges/routes.ts";
import { beacons } from "./beacons/routes.ts";
import { catalogCheck } from "./catalog-check/routes.ts";
import { catalog } from "./catalog/routes.ts";
import { requireSchema } from "./database.ts";
import { downloads } from "./downloads/routes.ts";
import type { AppEnv } from "./env.ts";
import { feeds } from "./feeds/routes.ts";
import {
  answerError,
  answerNotFound,
  assignRequestId,
  CACHE,
  createRoute,
  createRoutes,
  defaultToNoStore,
  jsonAnswer,
  limitJsonBody,
  refuseOtherMethods,
  SECURITY_SCHEMES,
} from "./http.ts";
import { answerLegacy } from "./legacy/routes.ts";
import { licenses } from "./licenses/routes.ts";
import { refuseWhileBehind } from "./log/in-step.ts";
import { log } from "./log/routes.ts";
import { media } from "./media/routes.ts";
import { offline } from "./offline/routes.ts";
import { OPEN_PATHS, openToPages } from "./open-to-pages.ts";
import { orders } from "./orders/routes.ts";
import { limitRate } from "./rate-limit/limit-rate.ts";
import { keepPages } from "./page-cache/serve-page.ts";
import { removal } from "./publish/removal-routes.ts";
import { publish } from "./publish/routes.ts";
import { reports } from "./reports/routes.ts";
import { reviews } from "./reviews/routes.ts";
import { searchAdmin } from "./search/admin-routes.ts";
import { search } from "./search/routes.ts";
import { site } from "./site/routes.tsx";
import { sitemap } from "./sitemap/routes.ts";
import { trust } from "./trust/routes.ts";
import { deliverAfterChange } from "./webhooks/after-change.ts";
import { webhooks } from "./webhooks/routes.ts";

const DESCRIPTION = {
  openapi: "3.1.0",
  info: { title: "Rising-BSM plugin marketplace", version: "1" },
};

/** Whole Worker: what every request passes through, then one line a feature. */
function createApp(): OpenAPIHono<AppEnv> {
  const app = createRoutes();
  app.onError(answerError);
  app.notFound(answerNotFound);
  for (const path of OPEN_PATHS) app.use(path, openToPages);
  app.use(limitRate);
  app.use(answerLegacy);
  app.use(assignRequestId, defaultToNoStore, limitJsonBody);
  app.use(deliverAfterChange);
  app.use("/v1/*", requireSchema, refuseWhileBehind);
  app.route("/", health);
  app.route("/", search);
  app.route("/", searchAdmin);
  app.route("/", accounts);
  app.route("/", scopes);
  app.route("/", keys);
  app.route("/", whoami);
  app.route("/", catalog);
  app.route("/", publish);
  app.route("/", removal);
  app.route("/", reviews);
  app.route("/", reports);
  app.route("/", licenses);
  app.route("/", offline);
  app.route("/", orders);
  app.route("/", webhooks);
  app.route("/", log);
  app.route("/", trust);
  app.route("/", advisories);
  app.route("/", beacons);
  app.route("/", catalogCheck);
  app.route("/", downloads);
  app.route("/", media);
  app.route("/", feeds);
  app.route("/", badges);
  app.route("/", sitemap);
  for (const [name, scheme] of Object.entries(SECURITY_SCHEMES)) {
    app.openAPIRegistry.registerComponent("securitySchemes", name, scheme);
  }
  let description: string | undefined;
  app.get("/openapi.json", (c) => {
    // Some ten ms of work, so once an isolate.
    description ??= JSON.stringify(app.getOpenAPI31Document(DESCRIPTION));
    return answerText(c, { text: description, type: "application/json", cache: CACHE.pointer });
  });
  refuseOtherMethods(app);
  app.route("/", site);
  return app;
}

const healthRoute = createRoute({
  method: "get",
  path: "/health",
  responses: { 200: jsonAnswer(z.object({ status: z.literal("ok") }), "The Worker runs") },
});

const health = createRoutes().openapi(healthRoute, (c) =>
  c.json({ status: "ok" as const }, 200, { "Cache-Control": CACHE.none }),
);

export const app = createApp();

/** Answers a request; while the databases are away, pages from their kept copies. */
export const respond = keepPages(async (request, env, context) => app.fetch(request, env, context));
