import { sql } from "drizzle-orm";
import { auditIf } from "../audit.ts";
import type { Database } from "../database.ts";
import type { AuditEntry } from "../schema.ts";

/**
 * Records what came into force, once for the same bytes: it lies in the bucket, so this row cannot be
 * of one batch with it, and a repetition adds the row that a crash left out.
 */
export async function recordTrust(db: Database, entry: AuditEntry): Promise<void> {
  const isNews = sql`NOT EXISTS (SELECT 1 FROM audit WHERE subject = ${entry.subject}
    AND action = ${entry.action} AND detail = ${JSON.stringify(entry.detail ?? {})})`;
  await auditIf(db, entry, isNews);
}
