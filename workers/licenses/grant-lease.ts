import { LICENSE_LIMITS } from "@rising-bsm/protocol";
import type { Activation, License } from "./tables.ts";

/** Why a license was refused: for the log only, callers learn `license_refused`. */
export type Refusal =
  | "license_unknown"
  | "license_wrong_plugin"
  | "license_suspended"
  | "license_revoked"
  | "license_ended"
  | "license_no_seat"
  | "license_trial_used"
  | "license_returned"
  | "license_not_covered";

export type LicenseState = "active" | "suspended" | "revoked" | "expired";

/** A stored state wins over the clock: a revoked license stays revoked when it also ran out. */
export function licenseState(license: Pick<License, "state" | "until">, now: number): LicenseState {
  if (license.state !== "active") return license.state;
  return license.until !== null && license.until <= now ? "expired" : "active";
}

const REFUSALS = {
  suspended: "license_suspended",
  revoked: "license_revoked",
  expired: "license_ended",
} as const satisfies Record<Exclude<LicenseState, "active">, Refusal>;

export function stateRefusal(license: License, now: number): Refusal | null {
  const state = licenseState(license, now);
  return state === "active" ? null : REFUSALS[state];
}

export interface RenewalRequest {
  readonly seq: number;
  readonly rid: string;
  /** Thumbprint of the key that signed the request. */
  readonly jkt: string;
}

export type RenewalDecision =
  | { readonly kind: "grant"; readonly held: HeldActivation; readonly seq: number }
  | { readonly kind: "stored"; readonly lease: string }
  | { readonly kind: "conflict"; readonly held: HeldActivation }
  | { readonly kind: "refuse"; readonly code: Refusal };

export interface HeldActivation {
  readonly activation: Activation;
  readonly license: License;
  /** Thumbprint of the key of the instance that holds the activation. */
  readonly jkt: string;
}

/**
 * The host sends the `seq` of the lease it holds and a `rid` it has written down. The stored
 * answer comes before the license's state: it was granted already, and asking again must not
 * change what the host was told.
 */
export function decideRenewal(
  held: HeldActivation | null,
  { seq, rid, jkt }: RenewalRequest,
  now: number,
): RenewalDecision {
  if (held === null || held.jkt !== jkt) return { kind: "refuse", code: "license_unknown" };
  const { activation, license } = held;
  if (activation.endedAt !== null) return { kind: "refuse", code: "license_returned" };
  if (activation.seq === seq + 1 && activation.rid === rid) {
    return { kind: "stored", lease: activation.lease };
  }
  if (activation.seq !== seq) return { kind: "conflict", held };
  const code = stateRefusal(license, now);
  return code === null ? { kind: "grant", held, seq: seq + 1 } : { kind: "refuse", code };
}

export interface LeaseSpan {
  /** When the lease ends. */
  readonly until: number;
  /** How long the plugin keeps working after that, with a banner. */
  readonly graceMs: number;
  /** Until when the seat is taken. */
  readonly heldUntil: number;
}

/** Far beyond any date, yet a valid one. */
const FOR_EVER = 8_640_000_000_000_000;

/**
 * A perpetual license works on after its first lease without asking again, so its seat is free
 * only after a signed return; every other lease frees its seat by running out.
 */
export function leaseSpan(license: Pick<License, "kind" | "until">, now: number): LeaseSpan {
  const floating = license.kind === "floating";
  const fullUntil = now + (floating ? LICENSE_LIMITS.floatingLeaseMs : LICENSE_LIMITS.leaseMs);
  const until = Math.min(fullUntil, license.until ?? fullUntil);
  return {
    until,
    graceMs: floating ? LICENSE_LIMITS.floatingGraceMs : LICENSE_LIMITS.graceMs,
    heldUntil: license.kind === "perpetual" ? FOR_EVER : until,
  };
}
