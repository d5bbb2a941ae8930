import { and, eq, isNull, sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import { auditIf } from "../audit.ts";
import type { Database } from "../database.ts";
import { exists } from "../licenses/seat-queries.ts";
import { activations, licenses } from "../licenses/tables.ts";
import type { License } from "../licenses/tables.ts";
import type { AuditEntry } from "../schema.ts";
import { legacyLicenses } from "./tables.ts";
import type { LegacyLicense } from "./tables.ts";

/**
 * Issues the license unless it is there, or its customer has another one of the plugin that works.
 * Answers whether it is there now.
 */
export async function insertLegacyLicense(
  db: Database,
  { license, legacy }: { readonly license: License; readonly legacy: LegacyLicense },
  entry: AuditEntry,
): Promise<boolean> {
  const { id, plugin, createdAt: now } = license;
  const isThere = exists(sql`SELECT 1 FROM licenses WHERE id = ${id}`);
  const hasAnother =
    exists(sql`SELECT 1 FROM legacy_licenses l JOIN licenses o ON o.id = l.license_id
    WHERE l.user_id = ${legacy.userId} AND o.plugin = ${plugin} AND o.state = 'active'
      AND o.payment = 'ok' AND (o.until IS NULL OR o.until > ${now})`);
  const mayBe = sql`NOT ${isThere} AND NOT ${hasAnother}`;
  const [, , , found] = await db.batch([
    auditIf(db, entry, mayBe),
    db.insert(licenses).select(licenseIf(license, mayBe)),
    db.insert(legacyLicenses).select(legacyIf(legacy, isThere)).onConflictDoNothing(),
    db.select({ id: licenses.id }).from(licenses).where(eq(licenses.id, id)),
  ]);
  return found.length > 0;
}

/** The columns in the order of the table, as `INSERT … SELECT` takes them. */
function licenseIf(row: License, condition: SQL): SQL {
  return sql`SELECT ${row.id}, ${row.keyHash}, ${row.plugin}, ${row.plan}, ${row.kind}, ${row.state},
    ${row.seats}, ${row.users}, ${JSON.stringify(row.entitlements)}, ${row.org}, ${row.period},
    ${row.trialDays}, ${row.until}, ${row.updatesUntil}, ${row.transferredAt}, ${row.revision},
    ${row.createdAt}, ${row.overage}, ${row.payment}, ${row.orderId} WHERE ${condition}`;
}

function legacyIf(row: LegacyLicense, condition: SQL): SQL {
  return sql`SELECT ${row.licenseId}, ${row.userId}, ${row.hardware}, ${row.formerKeyHash}
    WHERE ${condition}`;
}

export interface LegacyTransfer {
  readonly before: License;
  readonly after: License;
  readonly legacy: LegacyLicense;
  readonly now: number;
}

/**
 * Hands the license on, over the row that this was decided on. Hardware leaves it at once; an
 * instance keeps its seat until its lease ends.
 */
export async function transferLegacyLicense(
  db: Database,
  { before, after, legacy, now }: LegacyTransfer,
  entry: AuditEntry,
): Promise<boolean> {
  const unchanged = exists(
    sql`SELECT 1 FROM licenses WHERE id = ${before.id} AND revision = ${before.revision}`,
  );
  const { licenseId, ...changed } = legacy;
  const [, , , updated] = await db.batch([
    auditIf(db, entry, unchanged),
    db
      .update(activations)
      .set({ endedAt: now, heldUntil: sql`${activations.leaseUntil}` })
      .where(and(eq(activations.licenseId, licenseId), isNull(activations.endedAt), unchanged)),
    db
      .insert(legacyLicenses)
      .select(legacyIf(legacy, unchanged))
      .onConflictDoUpdate({ target: legacyLicenses.licenseId, set: changed }),
    db
      .update(licenses)
      .set(after)
      .where(and(eq(licenses.id, licenseId), unchanged)),
  ]);
  return updated.meta.changes > 0;
}
