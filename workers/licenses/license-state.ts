import type { License } from "./tables.ts";

/** Why a license was refused: for the log only, callers learn `license_refused`. */
export type Refusal =
  | "license_unknown"
  | "license_wrong_plugin"
  | "license_suspended"
  | "license_revoked"
  | "license_disputed"
  | "license_refunded"
  | "license_ended"
  | "license_no_seat"
  | "license_trial_used"
  | "license_returned"
  | "license_not_covered";

export type LicenseState = "active" | "suspended" | "revoked" | "expired";

type Standing = Pick<License, "state" | "payment" | "until">;

/**
 * What counts of a license: what people decided and what its payment came to, each of which takes
 * the other's place only for the worse, and then the clock.
 */
export function licenseState(license: Standing, now: number): LicenseState {
  if (license.state === "revoked" || license.payment === "refunded") return "revoked";
  if (license.state === "suspended" || license.payment === "disputed") return "suspended";
  return license.until !== null && license.until <= now ? "expired" : "active";
}

/** Why a license in this state opens nothing; null when it is active. People's word comes first. */
export function stateRefusal(license: Standing, now: number): Refusal | null {
  switch (licenseState(license, now)) {
    case "revoked":
      return license.state === "revoked" ? "license_revoked" : "license_refunded";
    case "suspended":
      return license.state === "suspended" ? "license_suspended" : "license_disputed";
    case "expired":
      return "license_ended";
    default:
      return null;
  }
}
