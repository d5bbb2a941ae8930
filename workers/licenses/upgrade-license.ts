import { RbsmError } from "@rising-bsm/protocol";
import { issueLicense } from "./issue-license.ts";
import type { LicenseTerms, Plan } from "./issue-license.ts";
import { licenseState } from "./license-state.ts";
import type { License } from "./tables.ts";

/** What a license of another kind leaves as good as it was: each of a higher rank is more. */
const RANKS = { free: 0, trial: 1, floating: 2, subscription: 3, perpetual: 4 } as const;

export interface WantedPlan {
  readonly plan: Plan;
  /** Without it what the plan has, or the license when that is more. */
  readonly seats?: number | undefined;
}

/**
 * The license under another plan. Whoever holds it loses nothing, so its leases need no end: what is
 * less than before in any respect is no upgrade. Throws `conflict_state`.
 */
export function upgradeLicense(license: License, wanted: WantedPlan, now: number): License {
  const { plugin, org } = license;
  const order = { plugin, plan: wanted.plan, seats: wanted.seats, org: org ?? undefined };
  const terms = issueLicense(order, now);
  const seats = wanted.seats === undefined ? more(license.seats, terms.seats) : terms.seats;
  const overage = Math.max(license.overage, terms.overage);
  const { plan, kind, period, trialDays, users, entitlements } = terms;
  const after = {
    ...license,
    plan,
    kind,
    period,
    trialDays,
    users,
    entitlements,
    seats,
    overage,
    until: untilOf(license, terms),
    updatesUntil: updatesOf(license, terms),
  };
  const reason = wrongState(license, after, now) ?? whatIsLess(license, after);
  if (reason === null) return after;
  throw new RbsmError("conflict_state", `That is no upgrade: ${reason}`);
}

/** A longer term that was paid for stays; that of a trial or a gift does not go on. */
function untilOf(license: License, terms: LicenseTerms): number | null {
  const stays = license.kind === terms.kind || (isPaid(license) && license.until !== null);
  return stays ? more(license.until, terms.until) : terms.until;
}

/** Updates that were bought for good stay so, and those that a paid term includes to its end. */
function updatesOf(license: License, terms: LicenseTerms): number | null {
  if (terms.kind !== "perpetual" || !isPaid(license)) return terms.updatesUntil;
  const known = license.kind === "perpetual" ? license.updatesUntil : license.until;
  return more(known, terms.updatesUntil);
}

function isPaid({ kind }: Pick<License, "kind">): boolean {
  return RANKS[kind] >= RANKS.floating;
}

function wrongState(license: License, after: License, now: number): string | null {
  if (licenseState(license, now) === "revoked") return "the license is revoked";
  if (after.kind === "trial") return "a trial is not given a second time";
  return RANKS[after.kind] < RANKS[license.kind] ? `${after.kind} after ${license.kind}` : null;
}

function whatIsLess(before: License, after: License): string | null {
  if (isLess(before.seats, after.seats)) return "fewer seats";
  if (isLess(before.users, after.users)) return "fewer users";
  if (isPaid(before) && isLess(before.until, after.until)) return "it would end one day";
  const entitlements = new Map(Object.entries(after.entitlements));
  const lost = Object.entries(before.entitlements).find(([name, value]) => {
    const next = entitlements.get(name);
    return next === undefined ? value !== false : Number(next) < Number(value);
  });
  return lost === undefined ? null : `"${lost[0]}" would be less`;
}

/** Null is any number, or without end. */
function isLess(before: number | null, after: number | null): boolean {
  return after !== null && (before === null || after < before);
}

function more(one: number | null, other: number | null): number | null {
  return one === null || other === null ? null : Math.max(one, other);
}
