import { sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import type { Database } from "./database.ts";
import type { AppContext } from "./http.ts";
import { audit } from "./schema.ts";
import type { AuditEntry } from "./schema.ts";

/** The row that says who did what to which subject, for the batch that does it. */
export function auditEntry(
  c: AppContext,
  fact: Pick<AuditEntry, "action" | "subject" | "at" | "detail">,
): AuditEntry {
  return { ...fact, actor: c.get("principal").actor, requestId: c.get("requestId") };
}

/**
 * The row of a change that the batch may turn out not to make: it stands before the change and asks
 * for what the change will find. NULL lets the database choose the id.
 */
export function auditIf(db: Database, entry: AuditEntry, condition: SQL) {
  const detail = JSON.stringify(entry.detail ?? {});
  return db.insert(audit).select(
    sql`SELECT NULL, ${entry.at}, ${entry.actor}, ${entry.action}, ${entry.subject}, ${detail},
      ${entry.requestId} WHERE ${condition}`,
  );
}

/** The rows of changes that were made under this key, in the words of the index that keeps it unique. */
export function isAskedUnder(idempotencyKey: string | null): SQL {
  return sql`detail ->> 'idempotencyKey' IS NOT NULL AND detail ->> 'idempotencyKey' = ${idempotencyKey}`;
}
