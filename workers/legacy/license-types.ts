import type { Plan } from "../licenses/issue-license.ts";
import type { License } from "../licenses/tables.ts";

/** What the old system sold. */
export const LICENSE_TYPES = ["trial", "basic", "premium", "enterprise"] as const;
export type LicenseType = (typeof LICENSE_TYPES)[number];

interface TypeLimits {
  /** Calls a month, megabytes, installations: -1 is any number. */
  readonly apiCalls: number;
  readonly storage: number;
  readonly installs: number;
}

const LIMITS: Record<LicenseType, TypeLimits> = {
  trial: { apiCalls: 1_000, storage: 10, installs: 1 },
  basic: { apiCalls: 10_000, storage: 100, installs: 3 },
  premium: { apiCalls: 100_000, storage: 1_000, installs: 10 },
  enterprise: { apiCalls: -1, storage: -1, installs: -1 },
};

const TRIAL_DAYS = 30;

export interface TypeOrder {
  readonly type: LicenseType;
  /** -1 is any number. */
  readonly maxInstalls?: number | undefined;
  /** Milliseconds since 1970. */
  readonly expiresAt?: number | undefined;
}

/**
 * The plan that a type stands for: the plugin's own plan of that name, or what the old system sold
 * under it. What has an end is a subscription, which can be renewed.
 */
export function planOfType(
  plans: readonly Plan[],
  { type, maxInstalls, expiresAt }: TypeOrder,
): Plan {
  const plan = plans.find(({ id }) => id === type) ?? defaultPlan(type);
  const seats = maxInstalls === undefined ? {} : withInstalls(plan, maxInstalls);
  const ends = expiresAt !== undefined && plan.kind === "perpetual";
  return { ...plan, ...seats, ...(ends ? { kind: "subscription", period: "year" } : {}) };
}

function defaultPlan(type: LicenseType): Plan {
  const { installs } = LIMITS[type];
  const entitlements = { ...LIMITS[type] };
  return type === "trial"
    ? { id: type, kind: "trial", trialDays: TRIAL_DAYS, seats: installs, entitlements }
    : { id: type, kind: "perpetual", seats: installs, entitlements };
}

function withInstalls(plan: Plan, installs: number): Pick<Plan, "seats" | "entitlements"> {
  const { entitlements = {} } = plan;
  const named = "installs" in entitlements ? { ...entitlements, installs } : entitlements;
  return { seats: installs, entitlements: named };
}

/** What the old system would have called the license. */
export function typeOf({
  plan,
  kind,
  seats,
}: Pick<License, "plan" | "kind" | "seats">): LicenseType {
  const named = LICENSE_TYPES.find((type) => type === plan);
  if (named !== undefined) return named;
  if (kind === "trial") return "trial";
  return seats === null ? "enterprise" : "premium";
}

/** The counted entitlements, as the old system stated its limits. */
export function usageLimitsOf({
  entitlements,
}: Pick<License, "entitlements">): Record<string, number> {
  const counted = Object.entries(entitlements).filter(
    (entry): entry is [string, number] => typeof entry[1] === "number" && entry[0] !== "installs",
  );
  return Object.fromEntries(counted);
}
