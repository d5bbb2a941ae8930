import { OpenAPIHono } from "@hono/zod-openapi";
import { z } from "zod";
import { requireSchema } from "./database.ts";
import type { AppEnv } from "./env.ts";
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
} from "./http.ts";

/** Whole Worker: what every request passes through, then one line a feature. */
export const app = createApp();

function createApp(): OpenAPIHono<AppEnv> {
  const app = createRoutes();
  app.onError(answerError);
  app.notFound(answerNotFound);
  app.use(assignRequestId, defaultToNoStore, limitJsonBody);
  app.use("/v1/*", requireSchema);
  app.route("/", health);
  app.doc31("/openapi.json", {
    openapi: "3.1.0",
    info: { title: "Rising-BSM plugin marketplace", version: "1" },
  });
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
