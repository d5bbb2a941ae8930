import {
  catalogCheckRequestSchema,
  catalogCheckResultSchema,
  fromBase64url,
} from "@rising-bsm/protocol";
import type { NoteKey } from "@rising-bsm/protocol";
import { auditEntry } from "../audit.ts";
import { requireAdmin } from "../auth.ts";
import { writeDatabase } from "../database.ts";
import type { Database } from "../database.ts";
import type { Bindings } from "../env.ts";
import { createRoute, createRoutes, jsonAnswer, jsonBody, problemAnswer, TOKEN } from "../http.ts";
import { advance } from "../log/advance.ts";
import { loadRoles } from "../trust/queries.ts";
import { loadServiceKeys } from "../trust/service-keys.ts";
import { checkPart } from "./check-part.ts";
import type { Check, Found } from "./check-plugin.ts";
import { repair } from "./repair.ts";

const checkRoute = createRoute({
  method: "post",
  path: "/v1/catalog/check",
  middleware: [requireAdmin] as const,
  security: TOKEN,
  request: { body: jsonBody(catalogCheckRequestSchema) },
  responses: {
    200: jsonAnswer(catalogCheckResultSchema, "What is served otherwise than the database says"),
    default: problemAnswer,
  },
});

/** Holds what is served against the database, part by part, and makes it again where it differs. */
export const catalogCheck = createRoutes().openapi(checkRoute, async (c) => {
  const request = c.req.valid("json");
  const now = new Date();
  const { found, ...part } = await checkPart(await startCheck(c.env), request);
  const left = new Set(found.map(nameOf));
  if (request.repair && found.length > 0) {
    const detail = { differences: found.map(nameOf) };
    const fact = { action: "catalog.repair", subject: "catalog", at: now.getTime(), detail };
    await repair(await startCheck(c.env), found, auditEntry(c, fact));
    await advance(c.env, now);
    const again = await checkPart(await startCheck(c.env), request);
    left.clear();
    for (const one of again.found) left.add(nameOf(one));
  }
  const differences = found.map((one) => ({ ...one, repaired: !left.has(nameOf(one)) }));
  return c.json({ ...part, differences }, 200);
});

async function startCheck(env: Bindings): Promise<Check> {
  const db = writeDatabase(env);
  const isPublished = (await loadRoles(db)).catalog !== undefined;
  return { env, db, isPublished, logs: await loadLogs(env, db), shards: new Map() };
}

async function loadLogs({ BUNDLES }: Bindings, db: Database): Promise<NoteKey[]> {
  const { log = [] } = (await loadServiceKeys(BUNDLES, db)) ?? {};
  return log.map(({ origin: name, publicKey }) => ({ name, publicKey: fromBase64url(publicKey) }));
}

function nameOf({ kind, subject }: Found): string {
  return `${kind} ${subject}`;
}
