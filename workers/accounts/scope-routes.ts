import {
  RbsmError,
  scopeRequestSchema,
  scopeSchema,
  transferRequestSchema,
  transferSchema,
} from "@rising-bsm/protocol";
import { z } from "zod";
import { auditEntry } from "../audit.ts";
import { assertActsFor, requirePublisher } from "../auth.ts";
import { readDatabase, writeDatabase } from "../database.ts";
import { createRoute, createRoutes, jsonAnswer, jsonBody, problemAnswer, TOKEN } from "../http.ts";
import type { AppContext } from "../http.ts";
import { advance } from "../log/advance.ts";
import { judgeScope } from "../names/judge-name.ts";
import { findScopeAlike, listProminent } from "../names/queries.ts";
import { assertPublisherExists, findScope } from "./queries.ts";
import { deleteTransfer, insertScope, insertTransfer, loadTransfer } from "./scope-queries.ts";
import type { Transfer } from "./scope-queries.ts";
import { assertFor, transferScope } from "./transfer-scope.ts";

const scopeRoute = createRoute({
  method: "post",
  path: "/v1/scopes",
  middleware: [requirePublisher("tokens")] as const,
  security: TOKEN,
  request: { body: jsonBody(scopeRequestSchema) },
  responses: {
    200: jsonAnswer(scopeRequestSchema, "It belongs to the publisher already"),
    201: jsonAnswer(scopeRequestSchema, "Created"),
    default: problemAnswer,
  },
});

const TRANSFER_PATH = "/v1/scopes/{scope}/transfer";
const params = z.object({ scope: scopeSchema });

const showRoute = createRoute({
  method: "get",
  path: TRANSFER_PATH,
  request: { params },
  responses: {
    200: jsonAnswer(transferSchema, "Who gets the scope, and when"),
    default: problemAnswer,
  },
});

const transferRoute = createRoute({
  method: "post",
  path: TRANSFER_PATH,
  middleware: [requirePublisher("tokens")] as const,
  security: TOKEN,
  request: { params, body: jsonBody(transferRequestSchema) },
  responses: {
    200: jsonAnswer(transferSchema, "It will change hands, asked for now or before"),
    default: problemAnswer,
  },
});

const cancelRoute = createRoute({
  method: "delete",
  path: TRANSFER_PATH,
  middleware: [requirePublisher("tokens")] as const,
  security: TOKEN,
  request: { params },
  responses: { 204: { description: "It stays, now or before" }, default: problemAnswer },
});

/** Scopes: whose they are, and how they change hands. */
export const scopes = createRoutes();

scopes.openapi(scopeRoute, async (c) => {
  const body = c.req.valid("json");
  const db = writeDatabase(c.env);
  assertActsFor(c.get("principal"), body.publisher, body.scope);
  await assertPublisherExists(db, body.publisher);
  if ((await findScope(db, body.scope)) === undefined) await assertNameIsFree(c, body);
  const at = Date.now();
  const entry = auditEntry(c, { action: "scope.create", subject: body.scope, at, detail: body });
  const { created, row } = await insertScope(db, { ...body, createdAt: at }, entry);
  if (row?.publisher !== body.publisher) throw new RbsmError("conflict_exists");
  await advance(c.env);
  return created ? c.json(body, 201) : c.json(body, 200);
});

/** The administrator is the person who decides on doubtful names. */
async function assertNameIsFree(
  c: AppContext,
  { scope, publisher }: { scope: string; publisher: string },
): Promise<void> {
  if (c.get("principal").kind === "admin") return;
  const finding = judgeScope(scope, {
    lookAlike: await findScopeAlike(writeDatabase(c.env), { scope, publisher }),
    prominent: await listProminent(c.env.SEARCH, publisher),
  });
  if (finding === null) return;
  const fix = "Choose another name, or ask the administrator for this one";
  throw new RbsmError("conflict_name", finding.message, { fix, findings: [finding] });
}

scopes.openapi(showRoute, async (c) => {
  const { scope } = c.req.valid("param");
  const { owner, pending } = await loadTransfer(readDatabase(c.env), scope, null);
  if (owner === null || pending === null) throw new RbsmError("not_found");
  return c.json(describeTransfer(pending, owner), 200);
});

scopes.openapi(transferRoute, async (c) => {
  const { scope } = c.req.valid("param");
  const { to } = c.req.valid("json");
  const facts = await loadOwnedScope(c, scope, to);
  const at = Date.now();
  const wanted = transferScope(facts, to, at);
  const detail = { from: facts.owner, to };
  const entry = auditEntry(c, { action: "scope.promise", subject: scope, at, detail });
  const transfer = await insertTransfer(writeDatabase(c.env), wanted, entry);
  if (transfer === undefined) throw new RbsmError("conflict_row_version");
  assertFor(transfer, to);
  return c.json(describeTransfer(transfer, facts.owner), 200);
});

scopes.openapi(cancelRoute, async (c) => {
  const { scope } = c.req.valid("param");
  await loadOwnedScope(c, scope, null);
  const entry = auditEntry(c, { action: "scope.keep", subject: scope, at: Date.now() });
  await deleteTransfer(writeDatabase(c.env), scope, entry);
  return c.body(null, 204);
});

/** A scope is more than what a token that is limited to it may give away. */
async function loadOwnedScope(c: AppContext, scope: string, to: string | null) {
  const { owner, ...facts } = await loadTransfer(writeDatabase(c.env), scope, to);
  if (owner === null) throw new RbsmError("not_found", `There is no scope ${scope}`);
  const principal = c.get("principal");
  assertActsFor(principal, owner);
  if (principal.kind === "token" && principal.scope !== null) {
    throw new RbsmError("auth_scope", `The token is limited to ${principal.scope}`);
  }
  return { ...facts, owner };
}

function describeTransfer(
  { scope, toPublisher, requestedAt, effectiveAt }: Transfer,
  from: string,
) {
  return {
    scope,
    from,
    to: toPublisher,
    requestedAt: new Date(requestedAt).toISOString(),
    effectiveAt: new Date(effectiveAt).toISOString(),
  };
}
