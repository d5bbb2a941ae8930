import type { Manifest } from "@rising-bsm/protocol";
import type { License } from "./tables.ts";

const DAY_MS = 86_400_000;

/** A plan as the manifest of the published version states it. */
export type Plan = NonNullable<Manifest["pricing"]>["plans"][number];
type Period = NonNullable<Plan["period"]>;

export interface LicenseOrder {
  readonly plugin: string;
  readonly plan: Plan;
  readonly seats?: number | undefined;
  readonly org?: string | undefined;
}

export type LicenseTerms = Omit<License, "id" | "keyHash">;

/** What is sold with this order: the plan's terms, fixed from now on. */
export function issueLicense(
  { plugin, plan, seats, org }: LicenseOrder,
  now: number,
): LicenseTerms {
  const period = periodOf(plan);
  const paidUntil = period === null ? null : addPeriod(now, period);
  return {
    plugin,
    plan: plan.id,
    kind: plan.kind,
    state: "active",
    seats: seats ?? plan.seats ?? (plan.kind === "free" ? null : 1),
    users: null,
    entitlements: { ...plan.entitlements },
    org: org ?? null,
    period,
    trialDays: plan.kind === "trial" ? (plan.trialDays ?? 30) : null,
    until: plan.kind === "subscription" || plan.kind === "floating" ? paidUntil : null,
    updatesUntil: plan.kind === "perpetual" ? paidUntil : null,
    transferredAt: null,
    revision: 1,
    createdAt: now,
  };
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
