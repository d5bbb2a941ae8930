import { HOST_HTTP_LIMITS, reviewRequestSchema } from "@rising-bsm/protocol";
import type { Hono } from "hono";
import type { PluginHost } from "../host.ts";
import { answerData } from "./answer.ts";
import { type ApiEnv, named, route } from "./api-env.ts";
import { requireActor } from "./permissions.ts";
import { readJsonBody } from "./read-body.ts";

const bodySchema = reviewRequestSchema.omit({ version: true });

/** What administrators say of a plugin on the marketplace. */
export function addReviewRoutes(app: Hono<ApiEnv>, host: PluginHost): void {
  app.get(route("/review"), async (c) => {
    requireActor(c.env.actor, "plugin.view");
    return answerData(await host.ownReview(named(c)));
  });
  app.put(route("/review"), async (c) => {
    requireActor(c.env.actor, "plugin.manage");
    const limits = { schema: bodySchema, maxBytes: HOST_HTTP_LIMITS.apiBodyBytes };
    return answerData(await host.review(named(c), await readJsonBody(c.req.raw, limits)));
  });
  app.delete(route("/review"), async (c) => {
    requireActor(c.env.actor, "plugin.manage");
    await host.deleteReview(named(c));
    return answerData(null);
  });
}
