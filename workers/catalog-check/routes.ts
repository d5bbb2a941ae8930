import {
  SERVICE_KEYS_TARGET,
  catalogCheckRequestSchema,
  catalogCheckResultSchema,
  fromBase64,
  fromBase64url,
  serviceKeysSchema,
  targetPath,
} from "@rising-bsm/protocol";
import type { NoteKey } from "@rising-bsm/protocol";
import { auditEntry } from "../audit.ts";
import { requireAdmin } from "../auth.ts";
import { writeDatabase } from "../database.ts";
import type { Database } from "../database.ts";
import type { Bindings } from "../env.ts";
import { createRoute, createRoutes, jsonAnswer, jsonBody, problemAnswer, TOKEN } from "../http.ts";
import { advance } from "../log/advance.ts";
import { readMetadata } from "../trust/check-trust.ts";
import { loadInForce, loadRoles } from "../trust/queries.ts";
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

/** From the service keys in force; none before the first ceremony. */
async function loadLogs({ BUNDLES }: Bindings, db: Database): Promise<NoteKey[]> {
  const signed = [...(await loadInForce(db))].find(([key]) => key.endsWith(".targets.json"));
  if (signed === undefined) return [];
  const { targets } = readMetadata(fromBase64(signed[1]), "targets").signed;
  const sha256 = targets[SERVICE_KEYS_TARGET]?.hashes["sha256"] ?? "";
  const object = await BUNDLES.get(targetPath(SERVICE_KEYS_TARGET, sha256).slice(1));
  if (object === null) return [];
  const { log } = serviceKeysSchema.parse(await object.json());
  return log.map(({ origin: name, publicKey }) => ({ name, publicKey: fromBase64url(publicKey) }));
}

function nameOf({ kind, subject }: Found): string {
  return `${kind} ${subject}`;
}
