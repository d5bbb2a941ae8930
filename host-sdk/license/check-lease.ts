import type { LeaseClaims } from "@rising-bsm/protocol";

/** `grace`: everything works, with a banner. `restricted`: what was paid for is off, data is not. */
export type LeaseState = "active" | "grace" | "restricted";

/** What a lease allows at one moment. */
export interface LeaseCheck {
  readonly state: LeaseState;
  /** When the state changes without a renewal, in milliseconds since 1970; null is never. */
  readonly until: number | null;
  /** The perpetual license ended its updates before this version was published. */
  readonly notCovered: boolean;
}

/** What a lease is judged by; times are milliseconds since 1970. */
export interface LeaseMoment {
  readonly now: number;
  /** When the installed version was published. */
  readonly publishedAt?: number | undefined;
  /** The marketplace has signed that it takes the license back: the lease ends without grace. */
  readonly refused?: boolean;
}

const NEVER_ENDS: LeaseCheck = { state: "active", until: null, notCovered: false };
const RESTRICTED: LeaseCheck = { state: "restricted", until: null, notCovered: false };
const NOT_COVERED: LeaseCheck = { state: "restricted", until: null, notCovered: true };

/**
 * Judges verified claims: no network, no signature, no clock of its own. A perpetual license needs
 * no lease but its first for the versions it covers. `nbf` is not asked: a wall clock that is slow
 * must not switch off what is paid for.
 */
export function checkLease(
  { lic, exp }: LeaseClaims,
  { now, publishedAt, refused = false }: LeaseMoment,
): LeaseCheck {
  const leaseEnd = exp * 1000;
  if (lic.kind === "perpetual") {
    const covered = lic.updatesUntil === null || (publishedAt ?? 0) <= lic.updatesUntil * 1000;
    if (!covered) return NOT_COVERED;
    if (!refused) return NEVER_ENDS;
  }
  const graceEnd = refused ? leaseEnd : leaseEnd + lic.grace * 1000;
  if (now < leaseEnd) return { state: "active", until: leaseEnd, notCovered: false };
  if (now < graceEnd) return { state: "grace", until: graceEnd, notCovered: false };
  return RESTRICTED;
}
