import {
  hashLicenseKey,
  licenseRequestSchema,
  licenseResultSchema,
  newLicenseKey,
  RbsmError,
} from "@rising-bsm/protocol";
import { z } from "zod";
import { auditEntry } from "../audit.ts";
import { assertOwnsPlugin, requirePublisher } from "../auth.ts";
import { writeDatabase } from "../database.ts";
import type { Database } from "../database.ts";
import { createRoute, createRoutes, jsonAnswer, jsonBody, problemAnswer, TOKEN } from "../http.ts";
import { changeLicense, LICENSE_ACTIONS } from "./change-license.ts";
import type { LicenseAction } from "./change-license.ts";
import { licenseState } from "./grant-lease.ts";
import { storedPlans } from "../stored-manifest.ts";
import { issueLicense } from "./issue-license.ts";
import type { Plan } from "./issue-license.ts";
import { findLatestVersion, findLicense, insertLicense, updateLicense } from "./license-queries.ts";
import type { License } from "./tables.ts";

const issueRoute = createRoute({
  method: "post",
  path: "/v1/licenses",
  middleware: [requirePublisher("licenses")] as const,
  security: TOKEN,
  request: { body: jsonBody(licenseRequestSchema) },
  responses: {
    201: jsonAnswer(licenseResultSchema, "Issued; the key is not shown again"),
    default: problemAnswer,
  },
});

const changeRoute = createRoute({
  method: "post",
  path: "/v1/licenses/{id}/{action}",
  middleware: [requirePublisher("licenses")] as const,
  security: TOKEN,
  request: {
    params: z.object({ id: z.uuid(), action: z.enum(LICENSE_ACTIONS) }),
  },
  responses: {
    200: jsonAnswer(
      z.object({
        licenseId: z.string(),
        state: z.enum(["active", "suspended", "revoked", "expired"]),
        until: z.string().nullable(),
        updatesUntil: z.string().nullable(),
        licenseKey: z.string().optional(),
      }),
      "Changed; it acts on hosts when they renew next. A transfer answers the new key",
    ),
    default: problemAnswer,
  },
});

/** For whoever sells: the administrator and publishers. */
export const issueRoutes = createRoutes()
  .openapi(issueRoute, async (c) => {
    const { plugin, plan: planId, seats, org } = c.req.valid("json");
    await assertOwnsPlugin(c, plugin);
    const db = writeDatabase(c.env);
    const now = Date.now();
    const plan = await findPlan(db, plugin, planId);
    const { licenseKey, keyHash } = await makeKey();
    const license = {
      id: crypto.randomUUID(),
      keyHash,
      ...issueLicense({ plugin, plan, seats, org }, now),
    };
    await insertLicense(
      db,
      license,
      auditEntry(c, { action: "license.issue", subject: license.id, at: now }),
    );
    return c.json({ licenseId: license.id, licenseKey }, 201);
  })
  .openapi(changeRoute, async (c) => {
    const { id, action } = c.req.valid("param");
    const db = writeDatabase(c.env);
    const before = await findLicense(db, id);
    if (before === null) throw new RbsmError("not_found");
    await assertOwnsPlugin(c, before.plugin);
    const { after, licenseKey, now } = await change(before, action);
    const ended = action === "transfer" ? now : null;
    const entry = auditEntry(c, { action: `license.${action}`, subject: id, at: now });
    if (!(await updateLicense(db, { before, after, endActivationsAt: ended }, entry))) {
      throw new RbsmError("conflict_row_version");
    }
    return c.json(
      { ...shown(after, now), ...(licenseKey === undefined ? {} : { licenseKey }) },
      200,
    );
  });

async function findPlan(db: Database, plugin: string, planId: string): Promise<Plan> {
  const latest = await findLatestVersion(db, plugin);
  if (latest === null) throw new RbsmError("plugin_not_found");
  const plans = storedPlans(latest);
  const plan = plans.find(({ id }) => id === planId);
  if (plan !== undefined) return plan;
  const known = plans.map(({ id }) => id).join(", ");
  throw new RbsmError("request_invalid", `${plugin} has no plan "${planId}"`, {
    fix: known === "" ? "Its manifest has no plans." : `Its plans are: ${known}.`,
  });
}

/** Two licenses never share a key, and the key itself is not kept. */
async function makeKey(): Promise<{ licenseKey: string; keyHash: string }> {
  const licenseKey = newLicenseKey(crypto.getRandomValues(new Uint8Array(20)));
  return { licenseKey, keyHash: await hashLicenseKey(licenseKey) };
}

/** A transferred license gets a new key: whoever had the old one no longer has the license. */
async function change(before: License, action: LicenseAction) {
  const now = Date.now();
  const patch = changeLicense(before, action, now);
  const key = action === "transfer" ? await makeKey() : undefined;
  const keyHash = key?.keyHash ?? before.keyHash;
  const after: License = { ...before, ...patch, keyHash, revision: before.revision + 1 };
  return { after, now, licenseKey: key?.licenseKey };
}

function shown(license: License, now: number) {
  return {
    licenseId: license.id,
    state: licenseState(license, now),
    until: isoTime(license.until),
    updatesUntil: isoTime(license.updatesUntil),
  };
}

function isoTime(time: number | null): string | null {
  return time === null ? null : new Date(time).toISOString();
}
