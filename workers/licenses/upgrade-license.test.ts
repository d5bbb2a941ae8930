import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Plan } from "./issue-license.ts";
import { DAY_MS, NOON, sampleLicense } from "./sample-license.ts";
import type { License } from "./tables.ts";
import { upgradeLicense } from "./upgrade-license.ts";

const MONTH_LATER = Date.UTC(2026, 10, 10, 12);
const team: Plan = {
  id: "team",
  kind: "subscription",
  period: "month",
  seats: 3,
  entitlements: { pro: true, rows: 500 },
};

test("a license has the terms of the new plan, and stays the same license", () => {
  const before = sampleLicense({ orderId: "order-1", transferredAt: NOON });
  expect(upgradeLicense(before, { plan: team }, NOON)).toEqual({
    ...before,
    plan: "team",
    seats: 3,
    entitlements: { pro: true, rows: 500 },
    until: MONTH_LATER,
  });
});

describe("what was bought already stays:", () => {
  test("seats above the plan's, unless another number is ordered", () => {
    const before = sampleLicense({ seats: 7 });
    expect(upgradeLicense(before, { plan: team }, NOON).seats).toBe(7);
    expect(upgradeLicense(before, { plan: team, seats: 9 }, NOON).seats).toBe(9);
    expect(upgradeLicense(before, { plan: team, seats: -1 }, NOON).seats).toBeNull();
    const unlimited = sampleLicense({ seats: null });
    expect(upgradeLicense(unlimited, { plan: team }, NOON).seats).toBeNull();
  });

  test("a longer term of the same kind", () => {
    const until = NOON + 90 * DAY_MS;
    expect(upgradeLicense(sampleLicense({ until }), { plan: team }, NOON).until).toBe(until);
  });

  test("a longer term of a license that floats", () => {
    const until = NOON + 90 * DAY_MS;
    const before = sampleLicense({ kind: "floating", until });
    expect(upgradeLicense(before, { plan: team }, NOON).until).toBe(until);
  });

  test("updates to the end of the paid term", () => {
    const plan: Plan = { ...team, kind: "perpetual", period: "month" };
    const until = NOON + 300 * DAY_MS;
    const after = upgradeLicense(sampleLicense({ until }), { plan }, NOON);
    expect(after).toMatchObject({ until: null, updatesUntil: until });
    const endless = sampleLicense({ kind: "floating", until: null, period: null });
    expect(upgradeLicense(endless, { plan }, NOON).updatesUntil).toBeNull();
  });

  test("updates for good", () => {
    const plan: Plan = { ...team, kind: "perpetual", period: "year" };
    const known = { kind: "perpetual", until: null, period: null } as const;
    const before = sampleLicense({ ...known, updatesUntil: null });
    expect(upgradeLicense(before, { plan }, NOON).updatesUntil).toBeNull();
  });
});

test("a trial becomes a paid license with a term of its own", () => {
  const trial = sampleLicense({ kind: "trial", trialDays: 14, until: NOON + DAY_MS });
  const after = upgradeLicense(trial, { plan: team }, NOON);
  expect(after).toMatchObject({ kind: "subscription", trialDays: null, until: MONTH_LATER });
});

test.for<[string, Partial<License>, Partial<Plan>]>([
  ["a license that is revoked", { state: "revoked" }, {}],
  ["a license whose payment was returned", { payment: "refunded" }, {}],
  ["a subscription to one that floats", {}, { kind: "floating" }],
  ["something for good to something that ends", { kind: "perpetual", until: null }, {}],
  ["a trial to a trial", { kind: "trial", trialDays: 14 }, { kind: "trial" }],
  ["any number of users to some", {}, { users: 5 }],
  ["users to fewer users", { users: 6 }, { users: 5 }],
  ["what floats without end to what ends", { kind: "floating", until: null, period: null }, {}],
  ["an entitlement of an object's own to none", { entitlements: { constructor: true } }, {}],
  ["an entitlement to none", { entitlements: { other: true } }, {}],
  ["an entitlement to one that is off", {}, { entitlements: { pro: false } }],
  ["a number to a smaller one", { entitlements: { rows: 501 } }, {}],
])("from %s there is no upgrade", ([, license, plan]) => {
  const upgrade = () =>
    upgradeLicense(sampleLicense(license), { plan: { ...team, ...plan } }, NOON);
  expect(upgrade).toThrow(expect.objectContaining({ code: "conflict_state" }));
});

test("fewer seats are no upgrade", () => {
  const upgrade = () => upgradeLicense(sampleLicense({ seats: 7 }), { plan: team, seats: 6 }, NOON);
  expect(upgrade).toThrow(expect.objectContaining({ code: "conflict_state" }));
});

test("whatever is upgraded to whatever, nothing gets less", () => {
  const kinds = ["free", "trial", "floating", "subscription", "perpetual"] as const;
  const values = fc.oneof(fc.boolean(), fc.integer({ min: -2, max: 2 }));
  const entitlements = fc.dictionary(fc.constantFrom("a", "b"), values);
  const counts = fc.constantFrom(-1, 1, 2);
  const known = fc.record({
    kind: fc.constantFrom(...kinds),
    until: fc.constantFrom(null, NOON + DAY_MS, NOON + 90 * DAY_MS),
    seats: fc.constantFrom(null, 1, 2),
    users: fc.constantFrom(null, 1, 2),
    overage: fc.integer({ min: 0, max: 2 }),
    entitlements,
  });
  const plans = fc.record({
    kind: fc.constantFrom(...kinds),
    seats: counts,
    users: counts,
    overage: fc.integer({ min: 0, max: 2 }),
    entitlements,
  });
  const holds = fc.property(known, plans, (license, plan) => {
    const before = sampleLicense(license);
    const after = tryUpgrade(before, { id: "next", ...plan });
    if (after === null) return;
    expect(atLeast(before.seats, after.seats)).toBe(true);
    expect(atLeast(before.users, after.users)).toBe(true);
    expect(after.overage).toBeGreaterThanOrEqual(before.overage);
    const isGift = before.kind === "free" || before.kind === "trial";
    expect(isGift || atLeast(before.until, after.until)).toBe(true);
    for (const [name, value] of Object.entries(before.entitlements)) {
      const next = after.entitlements[name] ?? false;
      expect(Number(next)).toBeGreaterThanOrEqual(Number(value));
    }
  });
  fc.assert(holds);
});

function atLeast(before: number | null, after: number | null): boolean {
  return (after ?? Infinity) >= (before ?? Infinity);
}

function tryUpgrade(license: License, plan: Plan): License | null {
  try {
    return upgradeLicense(license, { plan }, NOON);
  } catch {
    return null;
  }
}
