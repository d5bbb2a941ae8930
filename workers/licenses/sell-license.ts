import {
  hashLicenseKey,
  isLegacyLicenseKey,
  newLicenseKey,
  normalizeLicenseKey,
  RbsmError,
  sha256Hex,
  utf8,
} from "@rising-bsm/protocol";
import type { LicenseRequest } from "@rising-bsm/protocol";
import { auditEntry } from "../audit.ts";
import { writeDatabase } from "../database.ts";
import type { Database } from "../database.ts";
import type { AppContext } from "../http.ts";
import { usedForAnother } from "../idempotency.ts";
import { storedPlans } from "../stored-manifest.ts";
import { deriveKey, deriveLicense } from "./derive-license.ts";
import type { LicenseIdentity } from "./derive-license.ts";
import { issueLicense } from "./issue-license.ts";
import type { Plan } from "./issue-license.ts";
import { findAsked, findLatestVersion, insertLicense } from "./license-queries.ts";
import type { AskedLicense } from "./license-queries.ts";

/**
 * Issues a license under one of the plugin's plans. The same request with the same idempotency key
 * is answered with the same license and key. Throws `conflict_state` when the key was used for
 * another request, `conflict_exists` when an imported license key is in use.
 */
export async function sellLicense(
  c: AppContext,
  request: LicenseRequest,
  idempotencyKey: string | null,
): Promise<LicenseIdentity> {
  const db = writeDatabase(c.env);
  const identity = await identityOf(c, request, idempotencyKey);
  const { id, keyHash } = identity;
  const { actor } = c.get("principal");
  const about = { licenseId: id, actor, action: "license.issue", idempotencyKey };
  const wanted = { identity, content: await contentOf(request, identity) };
  if (idempotencyKey !== null) {
    const known = await findAsked(db, about);
    if (known.license !== null) return sameAgain(known, wanted);
  }
  const now = Date.now();
  const plan = await findPlan(db, request.plugin, request.plan);
  const license = { id, keyHash, ...issueLicense({ ...request, plan }, now) };
  const detail = idempotencyKey === null ? {} : { idempotencyKey, asked: wanted.content };
  const entry = auditEntry(c, { action: about.action, subject: id, at: now, detail });
  const stored = await insertLicense(db, license, { entry, asked: about });
  if (stored.license === null) {
    throw new RbsmError("conflict_exists", "There is a license with this key already");
  }
  return idempotencyKey === null ? identity : sameAgain(stored, wanted);
}

interface Wanted {
  readonly identity: LicenseIdentity;
  readonly content: string;
}

function sameAgain(
  { license, asked }: AskedLicense,
  { identity, content }: Wanted,
): LicenseIdentity {
  if (asked !== content) throw usedForAnother();
  if (license?.keyHash === identity.keyHash) return identity;
  throw new RbsmError("conflict_state", "The license was transferred since and has another key");
}

/** What is asked for, so that a repetition can be told from another request. */
function contentOf(
  { plugin, plan, seats, org, licenseKey }: LicenseRequest,
  { keyHash }: LicenseIdentity,
): Promise<string> {
  const imported = licenseKey === undefined ? null : keyHash;
  return sha256Hex(utf8(JSON.stringify([plugin, plan, seats ?? null, org ?? null, imported])));
}

async function identityOf(
  c: AppContext,
  { licenseKey: imported }: LicenseRequest,
  idempotencyKey: string | null,
): Promise<LicenseIdentity> {
  const { actor } = c.get("principal");
  const identity = await (idempotencyKey === null
    ? newLicense()
    : deriveLicense(c.env, ["request", actor, idempotencyKey]));
  if (imported === undefined) return identity;
  assertMayImport(c, imported);
  const licenseKey = normalizeLicenseKey(imported);
  return { ...identity, licenseKey, keyHash: await hashLicenseKey(licenseKey) };
}

/** A key that somebody else made is as good as its source: the old marketplace's are known. */
function assertMayImport(c: AppContext, licenseKey: string): void {
  if (c.get("principal").kind !== "admin") {
    throw new RbsmError("auth_scope", "Only the administrator may take a license key over");
  }
  if (!isLegacyLicenseKey(licenseKey)) {
    throw new RbsmError("request_invalid", "Only a key of the old marketplace can be taken over", {
      fix: "Leave `licenseKey` out: the license gets a key of its own.",
    });
  }
}

async function newLicense(): Promise<LicenseIdentity> {
  return { id: crypto.randomUUID(), ...(await newKey()) };
}

/** Two licenses never share a key, and the key itself is not kept. */
async function newKey(): Promise<Omit<LicenseIdentity, "id">> {
  const licenseKey = newLicenseKey(crypto.getRandomValues(new Uint8Array(20)));
  return { licenseKey, keyHash: await hashLicenseKey(licenseKey) };
}

/** The key that a transferred license gets: whoever had the old one no longer has the license. */
export function transferKey(
  c: AppContext,
  licenseId: string,
  idempotencyKey: string | null,
): Promise<Omit<LicenseIdentity, "id">> {
  if (idempotencyKey === null) return newKey();
  return deriveKey(c.env, ["transfer", licenseId, c.get("principal").actor, idempotencyKey]);
}

/** Throws `plugin_not_found`, and `request_invalid` with the plans that there are. */
export async function findPlan(db: Database, plugin: string, planId: string): Promise<Plan> {
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
