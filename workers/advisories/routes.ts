import {
  RbsmError,
  advisoryListSchema,
  advisoryRequestSchema,
  osvEntrySchema,
  osvListSchema,
} from "@rising-bsm/protocol";
import type { Advisory } from "@rising-bsm/protocol";
import { z } from "zod";
import { tagAnswer } from "../answer-text.ts";
import { auditEntry } from "../audit.ts";
import { requireAdmin } from "../auth.ts";
import { readDatabase, writeDatabase } from "../database.ts";
import {
  CACHE,
  createRoute,
  createRoutes,
  jsonAnswer,
  jsonBody,
  problemAnswer,
  TOKEN,
} from "../http.ts";
import { advance } from "../log/advance.ts";
import {
  findAdvisory,
  findDatedAdvisory,
  listAdvisories,
  listDatedAdvisories,
  putAdvisory,
  withdrawAdvisory,
} from "./queries.ts";
import type { DatedAdvisory } from "./queries.ts";
import { toOsv } from "./to-osv.ts";

const params = z.object({ id: z.string().regex(/^[A-Za-z0-9-]{1,64}$/) });

const listRoute = createRoute({
  method: "get",
  path: "/v1/advisories",
  responses: {
    200: jsonAnswer(advisoryListSchema, "The advisories in force"),
    default: problemAnswer,
  },
});

const osvListRoute = createRoute({
  method: "get",
  path: "/v1/advisories/osv.json",
  middleware: [tagAnswer] as const,
  responses: {
    200: jsonAnswer(osvListSchema, "The advisories in force, in the form of OSV"),
    default: problemAnswer,
  },
});

const osvRoute = createRoute({
  method: "get",
  path: "/v1/advisories/{id}",
  middleware: [tagAnswer] as const,
  request: {
    params: z.object({ id: z.string().describe("With `.osv.json` or without") }),
  },
  responses: {
    200: jsonAnswer(osvEntrySchema, "An advisory in the form of OSV, also one that was withdrawn"),
    default: problemAnswer,
  },
});

const putRoute = createRoute({
  method: "put",
  path: "/v1/advisories/{id}",
  middleware: [requireAdmin] as const,
  security: TOKEN,
  request: { params, body: jsonBody(advisoryRequestSchema) },
  responses: {
    200: jsonAnswer(advisoryListSchema.shape.items.element, "In force, now or before"),
    default: problemAnswer,
  },
});

const withdrawRoute = createRoute({
  method: "delete",
  path: "/v1/advisories/{id}",
  middleware: [requireAdmin] as const,
  security: TOKEN,
  request: { params },
  responses: { 204: { description: "Withdrawn, now or before" }, default: problemAnswer },
});

const OSV_FILE = /^([A-Za-z0-9-]{1,64})(?:\.osv\.json)?$/;

/** What the administrator warns of or keeps from being installed, without the offline keys. */
export const advisories = createRoutes();

advisories.openapi(listRoute, async (c) =>
  c.json({ items: await listAdvisories(readDatabase(c.env)) }, 200),
);

advisories.openapi(osvListRoute, async (c) => {
  const rows = await listDatedAdvisories(readDatabase(c.env));
  return c.json({ vulns: rows.map(describe) }, 200, { "Cache-Control": CACHE.page });
});

advisories.openapi(osvRoute, async (c) => {
  const [, id] = OSV_FILE.exec(c.req.valid("param").id) ?? [];
  const row = id === undefined ? undefined : await findDatedAdvisory(readDatabase(c.env), id);
  if (row === undefined) throw new RbsmError("not_found");
  return c.json(describe(row), 200, { "Cache-Control": CACHE.page });
});

function describe({ entry, withdrawnAt, modifiedAt }: DatedAdvisory) {
  const modified = modifiedAt ?? Date.parse(entry.issuedAt);
  return toOsv(entry, { withdrawnAt, modifiedAt: modified });
}

advisories.openapi(putRoute, async (c) => {
  const { id } = c.req.valid("param");
  const db = writeDatabase(c.env);
  const now = new Date();
  const entry = toAdvisory(id, c.req.valid("json"), {
    issuedAt: (await findAdvisory(db, id))?.issuedAt ?? now.toISOString(),
  });
  const fact = { action: "advisory.put", subject: id, at: now.getTime(), detail: { ...entry } };
  if (!(await putAdvisory(db, entry, auditEntry(c, fact)))) throw tooLong();
  await advance(c.env, now);
  return c.json(entry, 200);
});

advisories.openapi(withdrawRoute, async (c) => {
  const { id } = c.req.valid("param");
  const now = new Date();
  const fact = { action: "advisory.withdraw", subject: id, at: now.getTime() };
  await withdrawAdvisory(writeDatabase(c.env), id, auditEntry(c, fact));
  await advance(c.env, now);
  return c.body(null, 204);
});

/** The same request gives the same entry, member for member. */
function toAdvisory(
  id: string,
  request: z.output<typeof advisoryRequestSchema>,
  known: Pick<Advisory, "issuedAt">,
): Advisory {
  const { action, match, reason, advisory, issuedAt = known.issuedAt } = request;
  if (action === "disable") throw onlyOffline();
  const address = advisory === undefined ? {} : { advisory };
  return { id, match, reason, ...address, issuedAt, action };
}

function onlyOffline(): RbsmError {
  const fix = "List it in revocations.json and have the signers sign new targets: docs/runbook.md";
  return new RbsmError("trust_metadata_invalid", "An advisory can warn or block, never disable", {
    fix,
  });
}

function tooLong(): RbsmError {
  const fix = "Withdraw advisories, or move old ones into revocations.json: docs/runbook.md";
  return new RbsmError("conflict_state", "The list of advisories is full", { fix });
}
