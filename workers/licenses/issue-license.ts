import type { storedPlans } from "../stored-manifest.ts";
import type { License } from "./tables.ts";

const DAY_MS = 86_400_000;
/** Of a plan that does not say how long its trial is. */
const TRIAL_DAYS = 30;

/** A plan as the manifest of the published version states it. */
export type Plan = ReturnType<typeof storedPlans>[number];
type Period = NonNullable<Plan["period"]>;

export interface LicenseOrder {
  readonly plugin: string;
  readonly plan: Plan;
  readonly seats?: number | undefined;
  readonly org?: string | undefined;
}

export type LicenseTerms = Omit<License, "id" | "keyHash">;

/** What is sold with this order: the plan's terms, fixed from now on. */
export function issueLicense(order: LicenseOrder, now: number): LicenseTerms {
  const { plugin, plan } = order;
  return {
    plugin,
    plan: plan.id,
    kind: plan.kind,
    state: "active",
    seats: seatsOf(order),
    overage: plan.overage ?? 0,
    users: limitOf(plan.users),
    entitlements: { ...plan.entitlements },
    org: order.org ?? null,
    ...termOf(plan, now),
    transferredAt: null,
    payment: "ok",
    orderId: null,
    revision: 1,
    createdAt: now,
  };
}

function seatsOf({ seats, plan }: LicenseOrder): number | null {
  return limitOf(seats ?? plan.seats ?? (plan.kind === "free" ? -1 : 1));
}

/** -1 is how plans say "any number"; stored and leased it is null. */
function limitOf(count: number | undefined): number | null {
  return count === undefined || count === -1 ? null : count;
}

type Term = Pick<LicenseTerms, "period" | "trialDays" | "until" | "updatesUntil">;

/** What ends when: a subscription's use, a perpetual license's updates, a trial once it was started. */
function termOf(plan: Plan, now: number): Term {
  const period = periodOf(plan);
  const end = period === null ? null : addPeriod(now, period);
  switch (plan.kind) {
    case "subscription":
    case "floating":
      return { period, trialDays: null, until: end, updatesUntil: null };
    case "perpetual":
      return { period, trialDays: null, until: null, updatesUntil: end };
    case "trial":
      return { period, trialDays: plan.trialDays ?? TRIAL_DAYS, until: null, updatesUntil: null };
    default:
      return { period, trialDays: null, until: null, updatesUntil: null };
  }
}

/** A subscription always ends some day; a month is what is meant when nothing is said. */
function periodOf({ kind, period }: Plan): Period | null {
  return period ?? (kind === "subscription" ? "month" : null);
}

/** A trial runs from its first activation, not from the day it was handed out. */
export function startTrial(license: License, now: number): License {
  if (license.trialDays === null || license.until !== null) return license;
  return { ...license, until: now + license.trialDays * DAY_MS };
}

/** The same day in a later month, or that month's last day. */
export function addPeriod(from: number, period: Period): number {
  const date = new Date(from);
  const months = period === "year" ? 12 : 1;
  const day = date.getUTCDate();
  date.setUTCDate(1);
  date.setUTCMonth(date.getUTCMonth() + months);
  const lastDay = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
  date.setUTCDate(Math.min(day, lastDay));
  return date.getTime();
}
