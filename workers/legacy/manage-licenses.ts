import { hashLicenseKey, RbsmError, sha256Hex, utf8 } from "@rising-bsm/protocol";
import { auditEntry } from "../audit.ts";
import { assertOwnsPlugin } from "../auth.ts";
import { writeDatabase } from "../database.ts";
import type { Database } from "../database.ts";
import type { AppContext } from "../http.ts";
import { changeLicense } from "../licenses/change-license.ts";
import { deriveKey, deriveLicense } from "../licenses/derive-license.ts";
import { findLatestVersion, updateLicense } from "../licenses/license-queries.ts";
import type { License } from "../licenses/tables.ts";
import { storedPlans } from "../stored-manifest.ts";
import { readCredentials } from "./credentials.ts";
import { findPluginName } from "./find-plugin.ts";
import { issueLegacyLicense } from "./issue-legacy-license.ts";
import type { LegacyOrderRequest } from "./requests.ts";
import { typeOf } from "./license-types.ts";
import { findKnownLicense } from "./queries.ts";
import type { KnownLicense } from "./queries.ts";
import { hashHardware } from "./run-verification.ts";
import { showLicense } from "./show-license.ts";
import { insertLegacyLicense, transferLegacyLicense } from "./write-queries.ts";

/**
 * Sells a license of a type. The same request, with the same timestamp in its credentials, is
 * answered with the same license and key: replaying it makes nothing.
 */
export async function issue(c: AppContext, request: LegacyOrderRequest) {
  const db = writeDatabase(c.env);
  const plugin = await findPluginName(db, request.pluginId);
  await assertOwnsPlugin(c, plugin);
  const latest = await findLatestVersion(db, plugin);
  if (latest === null) {
    throw new RbsmError("request_invalid", "Plugin is not approved for licensing");
  }
  const now = Date.now();
  const order = {
    plugin,
    type: request.type,
    maxInstalls: request.maxInstalls ?? undefined,
    expiresAt: request.expiresAt == null ? undefined : Date.parse(request.expiresAt),
    usageLimits: countedOnly(request.usageLimits ?? {}),
  };
  const { id, keyHash, licenseKey } = await identityOf(c, request);
  const license = { id, keyHash, ...issueLegacyLicense(storedPlans(latest), order, now) };
  const hardwareId = request.hardwareId ?? undefined;
  const legacy = {
    licenseId: id,
    userId: request.userId == null ? null : String(request.userId),
    hardware: hardwareId === undefined ? null : await hashHardware(hardwareId),
    formerKeyHash: null,
  };
  const entry = auditEntry(c, { action: "license.issue", subject: id, at: now });
  if (!(await insertLegacyLicense(db, { license, legacy }, entry))) {
    throw new RbsmError("request_invalid", "User already has an active license for this plugin");
  }
  const known = (await findKnownLicense(db, { id }, now)) ?? { license, legacy, taken: 0 };
  return showLicense(known, { licenseKey, hardwareId }, now);
}

/** What is no number was a list of features, which plans state one by one. */
function countedOnly(limits: Readonly<Record<string, unknown>>): Record<string, number> {
  const counted = Object.entries(limits).filter(
    (entry): entry is [string, number] => typeof entry[1] === "number",
  );
  return Object.fromEntries(counted.slice(0, COUNTED_LIMITS));
}

const COUNTED_LIMITS = 10;

async function identityOf(c: AppContext, request: LegacyOrderRequest) {
  const sent = readCredentials(c.req.header("authorization"))?.timestamp ?? crypto.randomUUID();
  const content = await sha256Hex(utf8(JSON.stringify(request)));
  return deriveLicense(c.env, ["request", "legacy", c.get("principal").actor, sent, content]);
}

/**
 * Hands a license to another customer, with a new key: whoever had the old one has the license no
 * longer. Asked again, because the answer was lost, it answers the same.
 */
export async function transfer(c: AppContext, key: string, newUserId: string) {
  const db = writeDatabase(c.env);
  const now = Date.now();
  const { known, keyHash } = await findOwned(c, db, { key, now });
  const { license, legacy } = known;
  const given = await givenKey(c, known);
  if (given !== null && legacy?.userId === newUserId) {
    return showLicense(known, given, now);
  }
  assertCurrent(license, keyHash);
  if (typeOf(license) === "enterprise") {
    throw new RbsmError("request_invalid", "Enterprise licenses cannot be transferred");
  }
  const next = await deriveKey(c.env, ["transfer", "legacy", license.id, license.keyHash]);
  const after: License = {
    ...license,
    ...changeLicense(license, "transfer", now),
    keyHash: next.keyHash,
    revision: license.revision + 1,
  };
  const moved = { licenseId: license.id, userId: newUserId, hardware: null };
  const change = {
    before: license,
    after,
    legacy: { ...moved, formerKeyHash: license.keyHash },
    now,
  };
  const entry = auditEntry(c, { action: "license.transfer", subject: license.id, at: now });
  if (!(await transferLegacyLicense(db, change, entry))) {
    throw new RbsmError("conflict_row_version");
  }
  return showLicense({ license: after, legacy: change.legacy, taken: 0 }, next, now);
}

/** The key that the last transfer gave, while it is the license's. */
async function givenKey(c: AppContext, { license, legacy }: KnownLicense) {
  if (legacy?.formerKeyHash == null) return null;
  const source = ["transfer", "legacy", license.id, legacy.formerKeyHash] as const;
  const given = await deriveKey(c.env, source);
  return given.keyHash === license.keyHash ? given : null;
}

/** A former key says which license is meant, and no more than that. */
function assertCurrent(license: License, keyHash: string | null): void {
  if (keyHash !== null && keyHash !== license.keyHash) throw notFound();
}

/** Ends a license for good, now or before. */
export async function revoke(c: AppContext, key: string, reason: string | null) {
  const db = writeDatabase(c.env);
  const now = Date.now();
  const { known, keyHash } = await findOwned(c, db, { key, now });
  const { license } = known;
  assertCurrent(license, keyHash);
  const licenseKey = keyHash === null ? "" : key;
  if (license.state === "revoked") return showLicense(known, { licenseKey }, now);
  const after = {
    ...license,
    ...changeLicense(license, "revoke", now),
    revision: license.revision + 1,
  };
  const detail = reason === null ? {} : { reason };
  const entry = auditEntry(c, { action: "license.revoke", subject: license.id, at: now, detail });
  const change = { before: license, after, endActivationsAt: null };
  if (!(await updateLicense(db, change, entry))) throw new RbsmError("conflict_row_version");
  return showLicense({ ...known, license: after }, { licenseKey }, now);
}

/** The license that a path names by its key or its id, for whoever sells its plugin. */
async function findOwned(
  c: AppContext,
  db: Database,
  { key, now }: { readonly key: string; readonly now: number },
): Promise<{ readonly known: KnownLicense; readonly keyHash: string | null }> {
  const isId = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(key);
  const keyHash = isId ? null : await hashLicenseKey(key).catch(() => "");
  const known = await findKnownLicense(db, keyHash === null ? { id: key } : { keyHash }, now);
  if (known === null) throw notFound();
  await assertOwnsPlugin(c, known.license.plugin);
  return { known, keyHash };
}

function notFound(): RbsmError {
  return new RbsmError("not_found", "License not found");
}
