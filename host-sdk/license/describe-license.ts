import type { LeaseClaims, RefusalClaims } from "@rising-bsm/protocol";
import type { LeaseCheck } from "./check-lease.ts";
import type { HeldLease } from "./held-leases.ts";
import { describeLicense, isoSeconds, type LicenseInfo, NO_LICENSE } from "./license-info.ts";
import { endsGrace } from "./refusal.ts";

/**
 * What people should be told about a license. `restricted`: what was paid for is off. `refused`: the
 * marketplace takes the license back. `clone`: another installation renews the same lease, and the
 * key has to be entered again. `renewal`: no renewal got through for almost the whole lease, or
 * longer. `overage`: more installations hold the license than it has seats.
 */
export type LicenseWarning = "restricted" | "refused" | "clone" | "renewal" | "overage";

/** What administrators see of a plugin's license; times are ISO 8601. */
export type LicenseDescription = LicenseInfo & {
  readonly plugin: string;
  /** What to show above the plugin; null is nothing. */
  readonly warning: LicenseWarning | null;
  /** For questions to whoever sold it; never published. */
  readonly licenseId: string | null;
  /** The newest lease: since when it runs, and until when; a renewal replaces it. */
  readonly leaseFrom: string | null;
  readonly leaseUntil: string | null;
  /** More installations than seats hold the license, which is allowed. */
  readonly overage: boolean;
  /** What the marketplace has signed instead of the next lease. */
  readonly refusal: { readonly reason: RefusalClaims["reason"]; readonly at: string } | null;
  /** Why the last renewal failed; null after one that did not. */
  readonly problem: { readonly code: string; readonly message: string } | null;
};

type KnownLease = Pick<HeldLease, "claims" | "refusal" | "clone">;

/** A renewal comes daily: that it failed for 13 days of 14 is shown. Leases of other lengths alike. */
const SHOWN_AFTER = 13 / 14;

/** What to tell people about a license now; the worst only. */
export function warningOf(
  { claims, refusal, clone }: KnownLease,
  check: LeaseCheck,
  now: number,
): LicenseWarning | null {
  if (check.state === "restricted") return "restricted";
  if (endsGrace(refusal)) return "refused";
  if (clone) return "clone";
  if (isRenewalLate(claims, check, now)) return "renewal";
  return claims.lic.overage === true ? "overage" : null;
}

/** A license that needs no renewal is never late with one. */
function isRenewalLate({ iat, exp }: LeaseClaims, check: LeaseCheck, now: number): boolean {
  if (check.state === "grace") return true;
  return check.until !== null && now >= (iat + (exp - iat) * SHOWN_AFTER) * 1000;
}

/** The moment, and what went wrong last. */
export interface DescribedAt {
  readonly check: LeaseCheck;
  readonly now: number;
  readonly problem: LicenseDescription["problem"];
}

/** Everything that is known of a plugin's license. */
export function describeHeld(
  plugin: string,
  lease: KnownLease,
  { check, now, problem }: DescribedAt,
): LicenseDescription {
  const { claims, refusal } = lease;
  return {
    ...describeLicense(claims, check),
    plugin,
    warning: warningOf(lease, check, now),
    licenseId: claims.sub,
    leaseFrom: isoSeconds(claims.iat),
    leaseUntil: isoSeconds(claims.exp),
    overage: claims.lic.overage === true,
    refusal: refusal === null ? null : { reason: refusal.reason, at: isoSeconds(refusal.iat) },
    problem,
  };
}

/** Of a plugin without a lease that verifies. */
export function describeNone(
  plugin: string,
  problem: LicenseDescription["problem"],
): LicenseDescription {
  return {
    ...NO_LICENSE,
    plugin,
    warning: null,
    licenseId: null,
    leaseFrom: null,
    leaseUntil: null,
    overage: false,
    refusal: null,
    problem,
  };
}
