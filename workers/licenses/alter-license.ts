import { RbsmError, utf8, sha256Hex } from "@rising-bsm/protocol";
import type { UpgradeRequest } from "@rising-bsm/protocol";
import { auditEntry } from "../audit.ts";
import { assertOwnsPlugin } from "../auth.ts";
import { writeDatabase } from "../database.ts";
import type { Database } from "../database.ts";
import type { AppContext } from "../http.ts";
import { usedForAnother } from "../idempotency.ts";
import { changeLicense } from "./change-license.ts";
import type { LicenseAction } from "./change-license.ts";
import { findAsked, updateLicense } from "./license-queries.ts";
import { findPlan, transferKey } from "./sell-license.ts";
import type { License } from "./tables.ts";
import { upgradeLicense } from "./upgrade-license.ts";

/** One change of one license, as its owner asked for it. */
export interface Alteration {
  readonly id: string;
  readonly action: LicenseAction | "upgrade";
  /** For an upgrade. */
  readonly upgrade?: UpgradeRequest;
  readonly idempotencyKey: string | null;
}

export interface Altered {
  readonly license: License;
  /** After a transfer. */
  readonly licenseKey?: string | undefined;
  readonly now: number;
}

/**
 * Makes the change, once for an idempotency key. Throws `conflict_state` when the license does not
 * allow it, `conflict_row_version` when another change came between.
 */
export async function alterLicense(c: AppContext, alteration: Alteration): Promise<Altered> {
  const { id: licenseId, idempotencyKey } = alteration;
  const db = writeDatabase(c.env);
  const action = `license.${alteration.action}`;
  const asked = await contentOf(alteration);
  const about = { licenseId, actor: c.get("principal").actor, action, idempotencyKey };
  // A change that came between may be this one, sent twice.
  for (let tries = 0; tries < 2; tries++) {
    const now = Date.now();
    const known = await findAsked(db, about);
    const { license } = known;
    if (license === null) throw new RbsmError("not_found");
    await assertOwnsPlugin(c, license.plugin);
    const key = await keyAfter(c, alteration, license);
    if (known.asked !== null) {
      if (known.asked !== asked) throw usedForAnother();
      return { license, now, licenseKey: currentKey(license, key) };
    }
    const after = { ...(await changed(db, { license, alteration }, now)), keyHash: key.keyHash };
    const detail = idempotencyKey === null ? {} : { idempotencyKey, asked };
    const entry = auditEntry(c, { action, subject: licenseId, at: now, detail });
    const endActivationsAt = alteration.action === "transfer" ? now : null;
    if (await updateLicense(db, { before: license, after, endActivationsAt }, entry)) {
      return { license: after, now, licenseKey: key.licenseKey };
    }
    if (idempotencyKey === null) break;
  }
  throw new RbsmError("conflict_row_version");
}

interface KeyAfter {
  readonly licenseKey?: string | undefined;
  readonly keyHash: string;
}

async function keyAfter(
  c: AppContext,
  { id, action, idempotencyKey }: Alteration,
  { keyHash }: License,
): Promise<KeyAfter> {
  return action === "transfer" ? transferKey(c, id, idempotencyKey) : { keyHash };
}

/** Of a transfer that was made before: its key, unless there was another transfer since. */
function currentKey(license: License, key: KeyAfter): string | undefined {
  if (license.keyHash === key.keyHash) return key.licenseKey;
  throw new RbsmError("conflict_state", "The license was transferred since and has another key");
}

async function changed(
  db: Database,
  { license, alteration }: { readonly license: License; readonly alteration: Alteration },
  now: number,
): Promise<License> {
  const revision = license.revision + 1;
  const { action, upgrade } = alteration;
  if (action !== "upgrade") return { ...license, ...changeLicense(license, action, now), revision };
  const plan = await findPlan(db, license.plugin, upgrade?.plan ?? "");
  return { ...upgradeLicense(license, { plan, seats: upgrade?.seats }, now), revision };
}

function contentOf({ action, upgrade }: Alteration): Promise<string> {
  const { plan = null, seats = null } = upgrade ?? {};
  return sha256Hex(utf8(JSON.stringify([action, plan, seats])));
}
