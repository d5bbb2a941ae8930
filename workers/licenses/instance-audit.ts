import type { AuditEntry } from "../schema.ts";

/** What an instance did to a license, for the batch that does it. */
export function instanceAudit(
  { instanceId, licenseId }: { readonly instanceId: string; readonly licenseId: string },
  fact: Pick<AuditEntry, "action" | "at" | "requestId">,
): AuditEntry {
  return { ...fact, actor: `instance:${instanceId}`, subject: licenseId };
}

/** That an instance is known from now on. */
export function registrationAudit(
  instanceId: string,
  fact: Pick<AuditEntry, "at" | "requestId">,
): AuditEntry {
  const actor = `instance:${instanceId}`;
  return { ...fact, action: "instance.register", actor, subject: instanceId };
}
