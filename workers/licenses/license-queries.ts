import { and, eq, isNull, sql } from "drizzle-orm";
import { auditIf, isAskedUnder } from "../audit.ts";
import type { Database } from "../database.ts";
import { audit, plugins, versions } from "../schema.ts";
import type { AuditEntry, Version } from "../schema.ts";
import { exists } from "./seat-queries.ts";
import type { License } from "./tables.ts";
import { activations, licenses } from "./tables.ts";

/** The newest published version: its plans are the ones on sale. */
export async function findLatestVersion(db: Database, plugin: string): Promise<Version | null> {
  const rows = await db
    .select({ version: versions })
    .from(plugins)
    .innerJoin(
      versions,
      and(eq(versions.plugin, plugins.name), eq(versions.version, plugins.latest)),
    )
    .where(eq(plugins.name, plugin));
  return rows[0]?.version ?? null;
}

/** Who asked for a change of which license, under a key of their own. */
export interface Asked {
  readonly licenseId: string;
  readonly actor: string;
  readonly action: string;
  /** The caller's own; null asks for nothing that was done before. */
  readonly idempotencyKey: string | null;
}

/** A license as it is, and what was asked when this very change was made; null when it was not. */
export interface AskedLicense {
  readonly license: License | null;
  readonly asked: string | null;
}

/** The license, and whether the same was done before. */
export async function findAsked(db: Database, asked: Asked): Promise<AskedLicense> {
  const [found, done] = await db.batch(selectAsked(db, asked));
  return { license: found[0] ?? null, asked: done[0]?.asked ?? null };
}

/**
 * Stores the license unless its id or key is there already, and answers what is stored under the id:
 * null when another license has the key.
 */
export async function insertLicense(
  db: Database,
  license: License,
  { entry, asked }: { readonly entry: AuditEntry; readonly asked: Asked },
): Promise<AskedLicense> {
  const isNew = sql`NOT EXISTS (SELECT 1 FROM licenses WHERE id = ${license.id} OR key_hash = ${license.keyHash})`;
  const [, , found, done] = await db.batch([
    auditIf(db, entry, isNew),
    db.insert(licenses).values(license).onConflictDoNothing(),
    ...selectAsked(db, asked),
  ]);
  return { license: found[0] ?? null, asked: done[0]?.asked ?? null };
}

function selectAsked(db: Database, { licenseId, actor, action, idempotencyKey }: Asked) {
  return [
    db.select().from(licenses).where(eq(licenses.id, licenseId)),
    db
      .select({ asked: sql<string | null>`detail ->> 'asked'` })
      .from(audit)
      .where(
        and(
          eq(audit.subject, licenseId),
          eq(audit.actor, actor),
          eq(audit.action, action),
          isAskedUnder(idempotencyKey),
        ),
      ),
  ] as const;
}

export async function findLicense(db: Database, id: string): Promise<License | null> {
  const rows = await db.select().from(licenses).where(eq(licenses.id, id));
  return rows[0] ?? null;
}

export interface LicenseChange {
  readonly before: License;
  readonly after: License;
  /** A transferred license leaves the instances that hold it. */
  readonly endActivationsAt: number | null;
}

/**
 * Writes a change only over the row it was decided on; answers whether it did. Every statement asks
 * for that row first, so of two changes at once one is written, and one audit row.
 */
export async function updateLicense(
  db: Database,
  { before, after, endActivationsAt }: LicenseChange,
  entry: AuditEntry,
): Promise<boolean> {
  const unchanged = exists(
    sql`SELECT 1 FROM licenses WHERE id = ${before.id} AND revision = ${before.revision}`,
  );
  const [, , updated] = await db.batch([
    auditIf(db, entry, unchanged),
    db
      .update(activations)
      .set({ endedAt: endActivationsAt, heldUntil: sql`${activations.leaseUntil}` })
      .where(
        and(
          eq(activations.licenseId, before.id),
          isNull(activations.endedAt),
          sql`${endActivationsAt} IS NOT NULL`,
          unchanged,
        ),
      ),
    db
      .update(licenses)
      .set(after)
      .where(and(eq(licenses.id, before.id), unchanged)),
  ]);
  return updated.meta.changes > 0;
}
