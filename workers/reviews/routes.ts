import {
  ownReviewsSchema,
  RbsmError,
  REVIEW_LIMITS,
  REVIEW_SORTS,
  reviewPageSchema,
  reviewRequestSchema,
  reviewSchema,
} from "@rising-bsm/protocol";
import { z } from "zod";
import { assertFromOwner, keepAnswer } from "../catalog/visible-plugin.ts";
import { readDatabase, writeDatabase } from "../database.ts";
import type { Database } from "../database.ts";
import { createRoute, createRoutes, jsonAnswer, jsonBody, problemAnswer, PROOF } from "../http.ts";
import { requireFreshProof } from "../licenses/instance-proof.ts";
import { networkDayOf } from "../network-days.ts";
import { pluginNameOf, pluginParams } from "../plugin-address.ts";
import { admitReview, outdated, whyNotStored } from "./admit-review.ts";
import {
  deleteReview,
  findReview,
  findSubject,
  listOwnReviews,
  loadHolding,
  storeReview,
} from "./queries.ts";
import { readReviews } from "./read-reviews.ts";
import { showReview } from "./show-review.ts";
import { moderation } from "./moderation-routes.ts";
import { withdrawPages } from "./withdraw-pages.ts";

const MAX_PAGE = 100;

const reviewParams = pluginParams.extend({ id: z.uuid() });

const listRoute = createRoute({
  method: "get",
  path: "/v1/plugins/{scope}/{name}/reviews",
  request: {
    params: pluginParams,
    query: z.object({
      sort: z.enum(REVIEW_SORTS).default("new"),
      rating: z.coerce.number().int().min(1).max(5).optional(),
      cursor: z.string().optional(),
      limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(REVIEW_LIMITS.perPage),
    }),
  },
  responses: { 200: jsonAnswer(reviewPageSchema, "Its reviews"), default: problemAnswer },
});

const ownRoute = createRoute({
  method: "get",
  path: "/v1/plugins/{scope}/{name}/reviews/own",
  middleware: [requireFreshProof] as const,
  security: PROOF,
  request: { params: pluginParams },
  responses: { 200: jsonAnswer(ownReviewsSchema, "The instance's own"), default: problemAnswer },
});

const showRoute = createRoute({
  method: "get",
  path: "/v1/plugins/{scope}/{name}/reviews/{id}",
  request: { params: reviewParams },
  responses: {
    200: jsonAnswer(reviewSchema, "The review; of a hidden one why it is hidden"),
    default: problemAnswer,
  },
});

const writeRoute = createRoute({
  method: "post",
  path: "/v1/plugins/{scope}/{name}/reviews",
  middleware: [requireFreshProof] as const,
  security: PROOF,
  request: { params: pluginParams, body: jsonBody(reviewRequestSchema) },
  responses: {
    200: jsonAnswer(reviewSchema, "The review as it is stored"),
    default: problemAnswer,
  },
});

const deleteRoute = createRoute({
  method: "delete",
  path: "/v1/plugins/{scope}/{name}/reviews/{id}",
  middleware: [requireFreshProof] as const,
  security: PROOF,
  request: { params: reviewParams },
  responses: { 204: { description: "Deleted, now or before" }, default: problemAnswer },
});

/** What instances say of plugins. */
export const reviews = createRoutes();

reviews.openapi(listRoute, async (c) => {
  const plugin = pluginNameOf(c.req.valid("param"));
  const found = await readReviews(c.env, plugin, c.req.valid("query"));
  if (found === null || found.isPrivate) await assertFromOwner(c, plugin);
  if (found === null) throw new RbsmError("plugin_not_found");
  keepAnswer(c, plugin, found);
  return c.json(found.page, 200);
});

reviews.openapi(ownRoute, async (c) => {
  const plugin = pluginNameOf(c.req.valid("param"));
  const { instanceKeyJkt } = c.get("proof");
  const rows = await listOwnReviews(writeDatabase(c.env), plugin, instanceKeyJkt);
  return c.json({ items: rows.map((row) => showReview(row, "writer")) }, 200);
});

reviews.openapi(showRoute, async (c) => {
  const { id, ...address } = c.req.valid("param");
  const plugin = pluginNameOf(address);
  const db = readDatabase(c.env);
  await requirePublic(db, plugin);
  const review = await findReview(db, { plugin, id });
  if (review?.deletedAt !== null) throw new RbsmError("not_found");
  keepAnswer(c, plugin, { isPrivate: false });
  return c.json(showReview(review, "everybody"), 200);
});

/** What is private cannot be reviewed: whoever asks sees that there is nothing. */
async function requirePublic(db: Database, plugin: string): Promise<void> {
  const subject = await findSubject(db, plugin);
  if (subject === undefined || subject.visibility === "private") {
    throw new RbsmError("plugin_not_found");
  }
}

reviews.openapi(writeRoute, async (c) => {
  const plugin = pluginNameOf(c.req.valid("param"));
  const review = c.req.valid("json");
  const { instanceKeyJkt: jkt, iat, rid } = c.get("proof");
  const db = writeDatabase(c.env);
  await requirePublic(db, plugin);
  const now = Date.now();
  const holding = await loadHolding(db, { plugin, jkt, version: review.version });
  const admission = admitReview(holding, now);
  const audit = {
    at: now,
    actor: `instance:${admission.instanceId}`,
    action: "review.put",
    subject: plugin,
    detail: { major: admission.major, rating: review.rating },
    requestId: c.get("requestId"),
  };
  const network = await networkDayOf(c.env, c.req.header("cf-connecting-ip"), now);
  const wish = { plugin, ...admission, iat, rid };
  const own = await storeReview(db, wish, { review, audit, network });
  const stored = own.find((each) => each.rid === rid);
  if (stored === undefined) throw whyNotStored(own, wish, now);
  return c.json(showReview(stored, "writer"), 200);
});

reviews.openapi(deleteRoute, async (c) => {
  const { id, ...address } = c.req.valid("param");
  const plugin = pluginNameOf(address);
  const { instanceKeyJkt, iat, rid } = c.get("proof");
  const db = writeDatabase(c.env);
  const review = await findReview(db, { plugin, id });
  if (review?.jkt !== instanceKeyJkt) throw new RbsmError("not_found");
  const audit = {
    at: Date.now(),
    actor: `instance:${review.instanceId}`,
    action: "review.delete",
    subject: plugin,
    detail: { major: review.major },
    requestId: c.get("requestId"),
  };
  const stored = await deleteReview(db, { id, iat, rid }, audit);
  if (stored === undefined || stored.deletedAt === null) throw outdated();
  await withdrawPages(c.env, plugin, stored.deletedAt);
  return c.body(null, 204);
});

reviews.route("/", moderation);
