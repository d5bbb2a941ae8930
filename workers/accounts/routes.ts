import {
  RbsmError,
  base64url,
  publisherNameSchema,
  publisherRequestSchema,
  publisherSchema,
  sha256Hex,
  tokenRequestSchema,
  tokenResultSchema,
  utf8,
  verifiedRequestSchema,
} from "@rising-bsm/protocol";
import { z } from "zod";
import { auditEntry } from "../audit.ts";
import { requireAdmin, requirePublisher } from "../auth.ts";
import { writeDatabase } from "../database.ts";
import type { Principal } from "../env.ts";
import { createRoute, createRoutes, jsonAnswer, jsonBody, problemAnswer, TOKEN } from "../http.ts";
import { legacySecret } from "../legacy/credentials.ts";
import { advance } from "../log/advance.ts";
import { noPublisher } from "./change-keys.ts";
import { assertMayGrant, assertMayRevoke } from "./grant-token.ts";
import {
  assertPublisherExists,
  findScope,
  findTokenOwner,
  insertPublisher,
  insertToken,
  revokeToken,
  storeVerified,
} from "./queries.ts";

const publisherRoute = createRoute({
  method: "post",
  path: "/v1/publishers",
  middleware: [requireAdmin] as const,
  security: TOKEN,
  request: { body: jsonBody(publisherRequestSchema) },
  responses: {
    200: jsonAnswer(publisherRequestSchema, "It exists exactly so already"),
    201: jsonAnswer(publisherRequestSchema, "Created"),
    default: problemAnswer,
  },
});

const verifiedRoute = createRoute({
  method: "put",
  path: "/v1/publishers/{name}/verified",
  middleware: [requireAdmin] as const,
  security: TOKEN,
  request: {
    params: z.object({ name: publisherNameSchema }),
    body: jsonBody(verifiedRequestSchema),
  },
  responses: {
    200: jsonAnswer(publisherSchema, "It is so, now or before; lists follow"),
    default: problemAnswer,
  },
});

const tokenRoute = createRoute({
  method: "post",
  path: "/v1/tokens",
  middleware: [requirePublisher("tokens")] as const,
  security: TOKEN,
  request: { body: jsonBody(tokenRequestSchema) },
  responses: {
    201: jsonAnswer(tokenResultSchema, "The token is shown this once"),
    default: problemAnswer,
  },
});

const revokeTokenRoute = createRoute({
  method: "delete",
  path: "/v1/tokens/{id}",
  middleware: [requirePublisher("tokens")] as const,
  security: TOKEN,
  request: { params: z.object({ id: z.uuid() }) },
  responses: { 204: { description: "Revoked, now or before" }, default: problemAnswer },
});

/** Publishers and their tokens. */
export const accounts = createRoutes();

accounts.openapi(publisherRoute, async (c) => {
  const body = c.req.valid("json");
  const at = Date.now();
  const entry = auditEntry(c, { action: "publisher.create", subject: body.name, at });
  const db = writeDatabase(c.env);
  const { created, row } = await insertPublisher(db, { ...body, createdAt: at }, entry);
  if (row?.displayName !== body.displayName) throw new RbsmError("conflict_exists");
  return created ? c.json(body, 201) : c.json(body, 200);
});

/** What a repetition finds stored is still shown. */
accounts.openapi(verifiedRoute, async (c) => {
  const { name } = c.req.valid("param");
  const detail = c.req.valid("json");
  const fact = { action: "publisher.verify", subject: name, at: Date.now(), detail };
  const db = writeDatabase(c.env);
  const row = await storeVerified(db, { name, ...detail }, auditEntry(c, fact));
  if (row === undefined) throw noPublisher(name);
  await advance(c.env);
  const { displayName, verified } = row;
  return c.json({ name, displayName, verified }, 200);
});

accounts.openapi(tokenRoute, async (c) => {
  const { expiresAt, scope = null, permissions, publisher, legacy = false } = c.req.valid("json");
  const db = writeDatabase(c.env);
  const owned = scope === null ? undefined : await findScope(db, scope);
  const request = {
    publisher: publisher ?? publisherMeant(c.get("principal"), owned),
    scope,
    permissions,
    expiresAt: expiresAt === undefined ? null : Date.parse(expiresAt),
  };
  const now = Date.now();
  assertMayGrant(c.get("principal"), request, { scopeOwner: owned?.publisher ?? null, now });
  await assertPublisherExists(db, request.publisher);
  const { id, token } = newToken();
  const entry = auditEntry(c, { action: "token.create", subject: id, at: now, detail: request });
  const hash = await sha256Hex(utf8(token));
  await insertToken(db, { id, hash, ...request, createdAt: now }, entry);
  const secret = legacy ? { legacySecret: await legacySecret(c.env, id) } : {};
  return c.json({ id, token, ...secret }, 201);
});

/** Whose token it will be when the request does not say. */
function publisherMeant(principal: Principal, owned: { publisher: string } | undefined): string {
  if (principal.kind === "token") return principal.publisher;
  if (owned !== undefined) return owned.publisher;
  throw new RbsmError("request_invalid", "Name the publisher, or a scope that it owns");
}

accounts.openapi(revokeTokenRoute, async (c) => {
  const { id } = c.req.valid("param");
  const db = writeDatabase(c.env);
  const owner = await findTokenOwner(db, id);
  if (owner === undefined) throw new RbsmError("not_found");
  assertMayRevoke(c.get("principal"), owner);
  const at = Date.now();
  await revokeToken(db, { id, at }, auditEntry(c, { action: "token.revoke", subject: id, at }));
  return c.body(null, 204);
});

function newToken(): { id: string; token: string } {
  const secret = crypto.getRandomValues(new Uint8Array(32));
  return { id: crypto.randomUUID(), token: `rbsm_pat_${base64url(secret)}` };
}
