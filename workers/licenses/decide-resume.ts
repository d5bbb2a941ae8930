import { LICENSE_LIMITS } from "@rising-bsm/protocol";
import type { LeaseClaims } from "@rising-bsm/protocol";
import { seatUntil } from "./grant-lease.ts";
import { stateRefusal } from "./license-state.ts";
import type { Refusal } from "./license-state.ts";
import { findSeat, needsSeat } from "./seat.ts";
import type { Activation, License } from "./tables.ts";

export interface ResumeFacts {
  readonly license: License | null;
  /** What the license is on this instance, as far as this database knows. */
  readonly own: Activation | null;
  /** Seats that other instances hold now. */
  readonly taken: number;
}

/** The lease that the instance holds, verified, and the activation that it asks about. */
export interface PresentedLease {
  readonly activationId: string;
  readonly lease: string;
  readonly claims: LeaseClaims;
  /** Of the request that presents it. */
  readonly rid: string;
}

export type Resumes = Pick<Activation, "resumes" | "resumesSince" | "resumedSeq">;

export type ResumeDecision =
  /** `counted` is what the activation remembers of it; null when it was counted before. */
  | { readonly kind: "stored"; readonly own: Activation; readonly counted: Resumes | null }
  | {
      readonly kind: "adopt";
      readonly own: Activation | null;
      readonly activation: Activation;
      readonly license: License;
      /** The license as the lease proves it to be. */
      readonly raised: License;
    }
  /** `counted` ends the resuming for good. */
  | { readonly kind: "hard"; readonly own: Activation; readonly counted: Resumes | null }
  /** `license` is whose word the holder gets; null says nothing. */
  | { readonly kind: "refuse"; readonly code: Refusal; readonly license: License | null };

/**
 * The newest lease that either side has. Where this database has a newer one, the instance was set
 * back, has lost an answer, or is one of two: the same lease again gives it nothing new, and often
 * enough is too often. Where the instance has a newer one, this database was set back, which costs
 * nobody anything. A lease that was returned is over on both sides.
 */
export function decideResume(
  { license, own, taken }: ResumeFacts,
  presented: PresentedLease,
  now: number,
): ResumeDecision {
  if (license === null) return { kind: "refuse", code: "license_unknown", license };
  const code = stateRefusal(license, now);
  if (code !== null && code !== "license_ended") return { kind: "refuse", code, license };
  if (own !== null && own.id !== presented.activationId)
    return { kind: "hard", own, counted: null };
  if (own === null || presented.claims.seq > own.seq) {
    return adopt({ license, own, taken }, presented, now);
  }
  if (own.endedAt !== null) return { kind: "refuse", code: "license_returned", license };
  return answerStored(own, presented, now);
}

function answerStored(own: Activation, { lease }: PresentedLease, now: number): ResumeDecision {
  if (own.lease === lease) return { kind: "stored", own, counted: null };
  if (own.resumes > LICENSE_LIMITS.resumes) return { kind: "hard", own, counted: null };
  if (own.resumedSeq === own.seq) return { kind: "stored", own, counted: null };
  const counted = countResume(own, now);
  return { kind: counted.resumes > LICENSE_LIMITS.resumes ? "hard" : "stored", own, counted };
}

function countResume({ resumes, resumesSince, seq }: Activation, now: number): Resumes {
  const isOver = resumesSince === null || resumesSince + LICENSE_LIMITS.resumeWindowMs <= now;
  return isOver
    ? { resumes: 1, resumesSince: now, resumedSeq: seq }
    : { resumes: resumes + 1, resumesSince, resumedSeq: seq };
}

function adopt(
  { license, own, taken }: ResumeFacts & { readonly license: License },
  presented: PresentedLease,
  now: number,
): ResumeDecision {
  const isSeated = own !== null && own.endedAt === null && !needsSeat(own, now);
  // A lease that has ended takes no seat; the renewal after it looks for one.
  const isLive = presented.claims.exp * 1000 > now || license.kind === "perpetual";
  const seat = isSeated || !isLive ? "seat" : findSeat(license, taken);
  if (seat === null) return { kind: "refuse", code: "license_no_seat", license };
  const activation = {
    ...adopted({ license, own }, presented, now),
    overSeats: seat === "overage",
  };
  return { kind: "adopt", own, activation, license, raised: raiseTerms(license, presented.claims) };
}

/** Of an activation that a license key was shown for: whatever two copies did before is forgiven. */
export const NO_CONFLICTS = {
  conflicts: 0,
  conflictsSince: null,
  resumes: 0,
  resumesSince: null,
  resumedSeq: null,
};

const NOTHING_KNOWN = { ...NO_CONFLICTS, trial: false, leaseUntil: 0, heldUntil: 0 };

/** Nothing that is known already gets less. */
function adopted(
  { license, own }: { readonly license: License; readonly own: Activation | null },
  { activationId, lease, claims, rid }: PresentedLease,
  now: number,
): Omit<Activation, "overSeats"> {
  const known = own ?? { ...NOTHING_KNOWN, createdAt: now };
  const leaseUntil = claims.exp * 1000;
  return {
    ...known,
    id: activationId,
    licenseId: license.id,
    instanceId: claims.aud,
    plugin: license.plugin,
    trial: claims.lic.kind === "trial" || known.trial,
    seq: claims.seq,
    rid,
    lease,
    leaseUntil: Math.max(leaseUntil, Math.min(known.leaseUntil, known.heldUntil)),
    heldUntil: Math.max(seatUntil(license, leaseUntil), known.heldUntil),
    endedAt: null,
  };
}

/** What the lease proves was sold is sold: a trial that has begun, a period that was paid for. */
function raiseTerms(license: License, { lic }: LeaseClaims): License {
  const until = lic.until === null ? null : lic.until * 1000;
  const updatesUntil = lic.updatesUntil === null ? null : lic.updatesUntil * 1000;
  const begun = license.until === null && license.trialDays !== null;
  return {
    ...license,
    until: begun ? until : later(license.until, until),
    updatesUntil: later(license.updatesUntil, updatesUntil),
  };
}

/** Of two ends; null has none, and stays so. */
function later(known: number | null, proven: number | null): number | null {
  return known === null || proven === null ? known : Math.max(known, proven);
}
