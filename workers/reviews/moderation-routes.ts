import {
  RbsmError,
  reviewHideRequestSchema,
  reviewReplyRequestSchema,
  reviewSchema,
} from "@rising-bsm/protocol";
import { z } from "zod";
import { auditEntry } from "../audit.ts";
import { assertOwnsPlugin, requireAdmin, requirePublisher } from "../auth.ts";
import { writeDatabase } from "../database.ts";
import { createRoute, createRoutes, jsonAnswer, jsonBody, problemAnswer, TOKEN } from "../http.ts";
import type { AppContext } from "../http.ts";
import { pluginNameOf, pluginParams } from "../plugin-address.ts";
import { moderateReview } from "./queries.ts";
import type { Moderation } from "./queries.ts";
import { showReview } from "./show-review.ts";
import { withdrawPages } from "./withdraw-pages.ts";

const params = pluginParams.extend({ id: z.uuid() });
const REVIEW = "/v1/plugins/{scope}/{name}/reviews/{id}";
const responses = { 200: jsonAnswer(reviewSchema, "The review"), default: problemAnswer };

const replyRoute = createRoute({
  method: "put",
  path: `${REVIEW}/reply`,
  middleware: [requirePublisher("publish")] as const,
  security: TOKEN,
  request: { params, body: jsonBody(reviewReplyRequestSchema) },
  responses,
});

const unreplyRoute = createRoute({
  method: "delete",
  path: `${REVIEW}/reply`,
  middleware: [requirePublisher("publish")] as const,
  security: TOKEN,
  request: { params },
  responses,
});

const hideRoute = createRoute({
  method: "post",
  path: `${REVIEW}/hide`,
  middleware: [requireAdmin] as const,
  security: TOKEN,
  request: { params, body: jsonBody(reviewHideRequestSchema) },
  responses,
});

const restoreRoute = createRoute({
  method: "post",
  path: `${REVIEW}/restore`,
  middleware: [requireAdmin] as const,
  security: TOKEN,
  request: { params },
  responses,
});

/** What publishers answer to reviews, and what the administrator hides. */
export const moderation = createRoutes()
  .openapi(replyRoute, async (c) => {
    const { text } = c.req.valid("json");
    const change = { reply: text, repliedAt: Date.now() };
    return c.json(await answerReview(c, c.req.valid("param"), { change, action: "reply" }), 200);
  })
  .openapi(unreplyRoute, async (c) => {
    const change = { reply: null, repliedAt: null };
    return c.json(await answerReview(c, c.req.valid("param"), { change, action: "unreply" }), 200);
  })
  .openapi(hideRoute, async (c) => {
    const address = c.req.valid("param");
    const change = { hiddenReason: c.req.valid("json").reason };
    const review = await moderate(c, address, { change, action: "hide" });
    await withdrawPages(c.env, pluginNameOf(address), Date.now());
    return c.json(review, 200);
  })
  .openapi(restoreRoute, async (c) => {
    const change = { hiddenReason: null };
    return c.json(await moderate(c, c.req.valid("param"), { change, action: "restore" }), 200);
  });

interface Deed {
  readonly change: Moderation;
  readonly action: "reply" | "unreply" | "hide" | "restore";
}

async function answerReview(c: AppContext, address: z.output<typeof params>, deed: Deed) {
  await assertOwnsPlugin(c, pluginNameOf(address));
  return moderate(c, address, deed);
}

async function moderate(c: AppContext, address: z.output<typeof params>, { change, action }: Deed) {
  const { id } = address;
  const plugin = pluginNameOf(address);
  const detail = { review: id, ...change };
  const fact = { action: `review.${action}`, subject: plugin, at: Date.now(), detail };
  const db = writeDatabase(c.env);
  const review = await moderateReview(db, { plugin, id, change }, auditEntry(c, fact));
  if (review === undefined) throw new RbsmError("not_found");
  return showReview(review, "everybody");
}
