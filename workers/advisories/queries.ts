import { TRUST_LIMITS } from "@rising-bsm/protocol";
import type { Advisory } from "@rising-bsm/protocol";
import { and, asc, eq, isNull, sql } from "drizzle-orm";
import { auditIf } from "../audit.ts";
import type { Database } from "../database.ts";
import { advisories } from "../schema.ts";
import type { AuditEntry } from "../schema.ts";

/** The advisories in force. */
export async function listAdvisories(db: Database): Promise<Advisory[]> {
  const rows = await db
    .select({ entry: advisories.entry })
    .from(advisories)
    .where(isNull(advisories.withdrawnAt))
    .orderBy(asc(advisories.id));
  return rows.map(({ entry }) => entry);
}

export async function findAdvisory(db: Database, id: string): Promise<Advisory | undefined> {
  const [row] = await db.select().from(advisories).where(eq(advisories.id, id));
  return row?.entry;
}

/** When an advisory was changed last, as its audit has it. */
const modifiedAt = sql<number | null>`(SELECT at FROM audit WHERE audit.subject = advisories.id
  AND audit.action IN ('advisory.put', 'advisory.withdraw') ORDER BY audit.id DESC LIMIT 1)`;
const dated = { entry: advisories.entry, withdrawnAt: advisories.withdrawnAt, modifiedAt };

export interface DatedAdvisory {
  readonly entry: Advisory;
  readonly withdrawnAt: number | null;
  readonly modifiedAt: number | null;
}

/** An advisory with its times, also one that was withdrawn. */
export async function findDatedAdvisory(
  db: Database,
  id: string,
): Promise<DatedAdvisory | undefined> {
  const [row] = await db.select(dated).from(advisories).where(eq(advisories.id, id));
  return row;
}

/** The advisories in force with their times. */
export function listDatedAdvisories(db: Database): Promise<DatedAdvisory[]> {
  return db
    .select(dated)
    .from(advisories)
    .where(isNull(advisories.withdrawnAt))
    .orderBy(asc(advisories.id));
}

/** Puts the advisory in force, unless it is exactly so already; false when the list is too long. */
export async function putAdvisory(
  db: Database,
  entry: Advisory,
  audit: AuditEntry,
): Promise<boolean> {
  const text = JSON.stringify(entry);
  const inForce = sql`SELECT 1 FROM ${advisories} WHERE ${advisories.id} = ${entry.id}
    AND ${advisories.entry} = ${text} AND ${advisories.withdrawnAt} IS NULL`;
  const others = sql`SELECT total(length(CAST(${advisories.entry} AS BLOB))) FROM ${advisories}
    WHERE ${advisories.id} <> ${entry.id} AND ${advisories.withdrawnAt} IS NULL`;
  const fits = sql`(${others}) + length(CAST(${text} AS BLOB)) <= ${TRUST_LIMITS.advisoriesBytes}`;
  const isNews = sql`NOT EXISTS (${inForce}) AND ${fits}`;
  const [, , found] = await db.batch([
    auditIf(db, audit, isNews),
    db
      .insert(advisories)
      .select(sql`SELECT ${entry.id}, ${text}, NULL WHERE ${isNews}`)
      .onConflictDoUpdate({ target: advisories.id, set: { entry, withdrawnAt: null } }),
    db
      .select({ id: advisories.id })
      .from(advisories)
      .where(and(eq(advisories.id, entry.id), sql`EXISTS (${inForce})`)),
  ]);
  return found.length > 0;
}

/** Takes the advisory back, once; one that there never was is fine. */
export async function withdrawAdvisory(db: Database, id: string, audit: AuditEntry): Promise<void> {
  const isInForce = sql`EXISTS (SELECT 1 FROM ${advisories} WHERE ${advisories.id} = ${id}
    AND ${advisories.withdrawnAt} IS NULL)`;
  await db.batch([
    auditIf(db, audit, isInForce),
    db
      .update(advisories)
      .set({ withdrawnAt: audit.at })
      .where(and(eq(advisories.id, id), isNull(advisories.withdrawnAt))),
  ]);
}
