import { RbsmError, type RefusalClaims } from "@rising-bsm/protocol";

const SAID: Record<RefusalClaims["reason"], string> = {
  suspended: "was suspended",
  revoked: "was revoked",
  disputed: "is not renewed while its payment is disputed",
  refunded: "ended when its payment was returned",
  returned: "was returned by this installation",
  ended: "has run out",
};

/** What a verified refusal says, for people. */
export function explainRefusal(plugin: string, { reason }: RefusalClaims): RbsmError {
  return new RbsmError("license_refused", `The license of ${plugin} ${SAID[reason]}`, {
    plugin,
    reason,
    fix:
      reason === "returned"
        ? "Enter the license key again."
        : "Ask whoever sold the license, or enter another license key.",
  });
}

/**
 * Whether the two sides may hold different leases: a number that is spent, or an activation that
 * the marketplace does not know, perhaps because its database was set back. A refusal with a reason
 * is none of it.
 */
export function asksForResume(error: unknown): boolean {
  if (!(error instanceof RbsmError)) return false;
  const isBare = error.code === "license_refused" && error.detail["reason"] === undefined;
  return isBare || error.code === "license_conflict";
}

/** Whether a link was refused for the lease, or for the time in the proof. */
export function asksForRenewal(error: unknown): boolean {
  if (!(error instanceof RbsmError)) return false;
  return error.code === "license_refused" || error.code === "auth_proof_invalid";
}

/** Whether nobody answered, or only that it is not possible now. */
export function isAway({ code }: RbsmError): boolean {
  return code.startsWith("network_") || code === "unavailable" || code === "limit_rate";
}

/** The refusal of what needs a license where there is none. */
export function licenseRequired(plugin: string): RbsmError {
  return new RbsmError("license_required", `There is no license for ${plugin} on this instance`);
}
