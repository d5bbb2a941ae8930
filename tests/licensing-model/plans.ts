/** The plugin that is sold here, and what is on sale. */
export const PLUGIN = "@model/invoices";

/** A plan, with the number of seats as licenses count them: null is any number. */
export interface SoldPlan {
  readonly id: string;
  readonly kind: "perpetual" | "subscription" | "trial" | "floating";
  readonly seats: number | null;
  readonly overage: number;
  readonly entitlements: Readonly<Record<string, boolean | number>>;
}

const PRICE = { amount: 9, currency: "EUR" };

export const PLANS: readonly SoldPlan[] = [
  {
    id: "single",
    kind: "subscription",
    seats: 1,
    overage: 0,
    entitlements: { export: true },
  },
  {
    id: "team",
    kind: "subscription",
    seats: 2,
    overage: 1,
    entitlements: { export: true, rows: 500 },
  },
  {
    id: "forever",
    kind: "perpetual",
    seats: 1,
    overage: 0,
    entitlements: { export: true, archive: true },
  },
  { id: "trial", kind: "trial", seats: 1, overage: 0, entitlements: { export: true } },
  { id: "floating", kind: "floating", seats: 1, overage: 0, entitlements: { export: true } },
  {
    id: "enterprise",
    kind: "subscription",
    seats: null,
    overage: 0,
    entitlements: { export: true, rows: 10_000, sso: true },
  },
];

/** How the manifest states them. */
export const PRICING = {
  plans: PLANS.map(({ id, kind, seats, overage, entitlements }) => ({
    id,
    kind,
    seats: seats ?? -1,
    ...(overage === 0 ? {} : { overage }),
    entitlements,
    ...(kind === "trial" ? { trialDays: 14 } : { price: PRICE, period: "year" }),
  })),
};

/** A plan by its id. */
export function planOf(id: string): SoldPlan {
  const plan = PLANS.find((one) => one.id === id);
  if (plan === undefined) throw new Error(`No plan ${id}`);
  return plan;
}
