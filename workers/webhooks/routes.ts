import {
  LICENSE_EVENTS,
  RbsmError,
  webhookListSchema,
  webhookRequestSchema,
  webhookResultSchema,
  webhookSchema,
  webhookSecretSchema,
  webhookTestSchema,
} from "@rising-bsm/protocol";
import { z } from "zod";
import { findScope } from "../accounts/queries.ts";
import { auditEntry } from "../audit.ts";
import { requirePublisher } from "../auth.ts";
import { writeDatabase } from "../database.ts";
import type { Database } from "../database.ts";
import { secretBytes } from "../env.ts";
import { createRoute, createRoutes, jsonAnswer, jsonBody, problemAnswer, TOKEN } from "../http.ts";
import type { AppContext } from "../http.ts";
import { idempotencyHeaders, readIdempotencyKey, usedForAnother } from "../idempotency.ts";
import { isoTime } from "../iso-time.ts";
import { mac } from "../mac.ts";
import { uuidOf } from "../uuid.ts";
import { previousUntil } from "./decide-retry.ts";
import { eventRoutes } from "./event-routes.ts";
import {
  deleteWebhook,
  enableWebhook,
  findWebhook,
  insertWebhook,
  listWebhooks,
  rotateSecret,
  wasDone,
} from "./queries.ts";
import type { InsertedWebhook, NewWebhook } from "./queries.ts";
import { sendEvent } from "./send-event.ts";
import { showWebhook } from "./show-webhook.ts";
import { signingSecrets, webhookSecret } from "./sign-event.ts";
import type { Webhook } from "./tables.ts";
import { assertMayUse, chooseOwner } from "./webhook-owner.ts";
import type { Owner } from "./webhook-owner.ts";
import { readWebhookUrl } from "./webhook-url.ts";

const PATH = "/v1/webhooks";
const requireSeller = requirePublisher("licenses");
const params = z.object({ id: z.uuid() });

const newRoute = createRoute({
  method: "post",
  path: PATH,
  middleware: [requireSeller] as const,
  security: TOKEN,
  request: { headers: idempotencyHeaders, body: jsonBody(webhookRequestSchema) },
  responses: {
    201: jsonAnswer(webhookResultSchema, "It is told what happens from now on"),
    default: problemAnswer,
  },
});

const listRoute = createRoute({
  method: "get",
  path: PATH,
  middleware: [requireSeller] as const,
  security: TOKEN,
  request: { query: z.object({ publisher: z.string().max(64).optional() }) },
  responses: {
    200: jsonAnswer(webhookListSchema, "Webhooks, as far as the token is for them"),
    default: problemAnswer,
  },
});

const deleteRoute = createRoute({
  method: "delete",
  path: `${PATH}/{id}`,
  middleware: [requireSeller] as const,
  security: TOKEN,
  request: { params },
  responses: { 204: { description: "It is told nothing more" }, default: problemAnswer },
});

const rotateRoute = createRoute({
  method: "post",
  path: `${PATH}/{id}/rotate`,
  middleware: [requireSeller] as const,
  security: TOKEN,
  request: { params, headers: idempotencyHeaders },
  responses: {
    200: jsonAnswer(webhookSecretSchema, "Both secrets sign until the time named"),
    default: problemAnswer,
  },
});

const enableRoute = createRoute({
  method: "post",
  path: `${PATH}/{id}/enable`,
  middleware: [requireSeller] as const,
  security: TOKEN,
  request: { params },
  responses: {
    200: jsonAnswer(webhookSchema, "It goes on where it stopped, at once"),
    default: problemAnswer,
  },
});

const testRoute = createRoute({
  method: "post",
  path: `${PATH}/{id}/test`,
  middleware: [requireSeller] as const,
  security: TOKEN,
  request: { params },
  responses: {
    200: jsonAnswer(webhookTestSchema, "What the receiver made of a test event"),
    default: problemAnswer,
  },
});

/** Where publishers are told what became of licenses. */
export const webhooks = createRoutes();

webhooks.route("/", eventRoutes);

webhooks.openapi(newRoute, async (c) => {
  const { url, events, ...asked } = c.req.valid("json");
  const owner = chooseOwner(c.get("principal"), asked);
  const db = writeDatabase(c.env);
  await assertOwnsScope(db, owner);
  const createdAt = Date.now();
  const webhook = {
    id: await newId(c, readIdempotencyKey(c.req.valid("header"))),
    ...owner,
    url: readWebhookUrl(url, new URL(c.req.url)),
    events: LICENSE_EVENTS.filter((type) => events.includes(type)),
    createdAt,
  };
  const fact = { action: "webhook.create", subject: webhook.id, at: createdAt, detail: owner };
  const row = madeRow(await insertWebhook(db, webhook, auditEntry(c, fact)), webhook);
  const { text: secret } = await webhookSecret(c.env, row);
  return c.json({ ...showWebhook(row), secret }, 201);
});

webhooks.openapi(listRoute, async (c) => {
  const principal = c.get("principal");
  const { publisher, scope } = chooseOwner(principal, c.req.valid("query"));
  const rows = await listWebhooks(writeDatabase(c.env), publisher);
  const own = rows.filter((row) => scope === null || row.scope === scope);
  return c.json({ items: own.map(showWebhook) }, 200);
});

webhooks.openapi(deleteRoute, async (c) => {
  const { id } = await findOwn(c, c.req.valid("param").id);
  const entry = auditEntry(c, { action: "webhook.delete", subject: id, at: Date.now() });
  await deleteWebhook(writeDatabase(c.env), id, entry);
  return c.body(null, 204);
});

webhooks.openapi(rotateRoute, async (c) => {
  const key = readIdempotencyKey(c.req.valid("header"));
  const row = await rotate(c, { id: c.req.valid("param").id, key });
  const { text: secret } = await webhookSecret(c.env, row);
  return c.json({ secret, previousUntil: isoTime(previousUntil(row.rotatedAt)) }, 200);
});

webhooks.openapi(enableRoute, async (c) => {
  const { id } = await findOwn(c, c.req.valid("param").id);
  const entry = auditEntry(c, { action: "webhook.enable", subject: id, at: Date.now() });
  const row = await enableWebhook(writeDatabase(c.env), id, entry);
  if (row === null) throw new RbsmError("not_found");
  return c.json(showWebhook(row), 200);
});

webhooks.openapi(testRoute, async (c) => {
  const webhook = await findOwn(c, c.req.valid("param").id);
  const now = Date.now();
  const id = `test_${crypto.randomUUID()}`;
  const body = JSON.stringify({ id, type: "webhook.test", timestamp: isoTime(now), data: {} });
  const secrets = await signingSecrets(c.env, webhook, now);
  const outcome = await sendEvent(webhook.url, { id, body, now }, secrets);
  const problem = outcome.delivered ? null : outcome.problem;
  return c.json({ delivered: outcome.delivered, status: outcome.status, problem }, 200);
});

async function findOwn(c: AppContext, id: string): Promise<Webhook> {
  const webhook = await findWebhook(writeDatabase(c.env), id);
  if (webhook === null) throw new RbsmError("not_found");
  assertMayUse(c.get("principal"), webhook);
  return webhook;
}

async function assertOwnsScope(db: Database, { publisher, scope }: Owner): Promise<void> {
  if (scope === null) return;
  const found = await findScope(db, scope);
  if (found?.publisher === publisher) return;
  throw new RbsmError("not_found", `${publisher} has no scope ${scope}`);
}

/** The row that is there now, if it is what was asked for. */
function madeRow({ row, isFull }: InsertedWebhook, asked: NewWebhook): Webhook {
  if (row === null) {
    const why = isFull ? "The publisher has as many webhooks as it may" : "It was deleted";
    throw new RbsmError("conflict_state", why);
  }
  const isSame =
    row.url === asked.url &&
    row.publisher === asked.publisher &&
    row.scope === asked.scope &&
    row.events.join() === asked.events.join();
  if (isSame) return row;
  throw usedForAnother();
}

/** The same one for each request of this caller under this key. */
async function newId(c: AppContext, key: string | null): Promise<string> {
  if (key === null) return crypto.randomUUID();
  const source = JSON.stringify([c.get("principal").actor, key]);
  return uuidOf(await mac(secretBytes(c.env, "ISSUE_KEY"), "webhook id", source));
}

/** A request that is sent again, or lost the race, finds the rotation done. */
async function rotate(
  c: AppContext,
  { id, key }: { readonly id: string; readonly key: string | null },
): Promise<Webhook> {
  const db = writeDatabase(c.env);
  for (let tries = 0; tries < 2; tries++) {
    const webhook = await findOwn(c, id);
    const at = Date.now();
    const detail = key === null ? {} : { idempotencyKey: key };
    const entry = auditEntry(c, { action: "webhook.rotate", subject: id, at, detail });
    if (key !== null && (await wasDone(db, entry, key))) return webhook;
    if (await rotateSecret(db, webhook, entry)) {
      return { ...webhook, secretVersion: webhook.secretVersion + 1, rotatedAt: at };
    }
  }
  throw new RbsmError("conflict_row_version");
}
