import type { AppContext } from "./http.ts";
import type { AuditEntry } from "./schema.ts";

/** The row that says who did what to which subject, for the batch that does it. */
export function auditEntry(
  c: AppContext,
  fact: Pick<AuditEntry, "action" | "subject" | "at" | "detail">,
): AuditEntry {
  return { ...fact, actor: c.get("principal").actor, requestId: c.get("requestId") };
}
