import { expect, test } from "vitest";
import { addPeriod, issueLicense, startTrial } from "./issue-license.ts";
import type { Plan } from "./issue-license.ts";
import { DAY_MS, NOON, sampleLicense } from "./sample-license.ts";

const plugin = "@demo/invoices";
const MONTH_LATER = Date.UTC(2026, 10, 10, 12);
const YEAR_LATER = Date.UTC(2027, 9, 10, 12);

test.each<[string, Plan, object]>([
  ["free", { id: "p", kind: "free" }, { until: null, updatesUntil: null, seats: null }],
  ["perpetual", { id: "p", kind: "perpetual" }, { until: null, updatesUntil: null, seats: 1 }],
  [
    "perpetual with a year of updates",
    { id: "p", kind: "perpetual", period: "year" },
    { until: null, updatesUntil: YEAR_LATER },
  ],
  ["subscription", { id: "p", kind: "subscription", period: "year" }, { until: YEAR_LATER }],
  [
    "subscription without a period",
    { id: "p", kind: "subscription" },
    { until: MONTH_LATER, period: "month" },
  ],
  ["trial", { id: "p", kind: "trial", trialDays: 14 }, { until: null, trialDays: 14 }],
  ["trial of no stated length", { id: "p", kind: "trial" }, { trialDays: 30 }],
  ["floating", { id: "p", kind: "floating", seats: 5 }, { until: null, seats: 5 }],
])("a %s plan is issued with its terms", (_, plan, terms) => {
  expect(issueLicense({ plugin, plan }, NOON)).toMatchObject({
    state: "active",
    plan: "p",
    ...terms,
  });
});

test("an order may have its own number of seats and names who bought", () => {
  const plan: Plan = {
    id: "p",
    kind: "subscription",
    seats: 2,
    entitlements: { export: true, rows: 9 },
  };
  const issued = issueLicense({ plugin, plan, seats: 7, org: "Muster GmbH" }, NOON);
  expect(issued).toMatchObject({
    seats: 7,
    org: "Muster GmbH",
    entitlements: { export: true, rows: 9 },
  });
});

test("a trial starts with its first activation and is not started again", () => {
  const trial = sampleLicense({ kind: "trial", trialDays: 14, until: null });
  const started = startTrial(trial, NOON);
  expect(started.until).toBe(NOON + 14 * DAY_MS);
  expect(startTrial(started, NOON + 5 * DAY_MS)).toBe(started);
  const subscription = sampleLicense();
  expect(startTrial(subscription, NOON)).toBe(subscription);
});

test.each([
  ["2026-01-31T08:30:00Z", "month", "2026-02-28T08:30:00Z"],
  ["2028-01-31T08:30:00Z", "month", "2028-02-29T08:30:00Z"],
  ["2026-12-15T00:00:00Z", "month", "2027-01-15T00:00:00Z"],
  ["2028-02-29T23:59:59Z", "year", "2029-02-28T23:59:59Z"],
] as const)("%s and a %s is %s", (from, period, to) => {
  expect(addPeriod(Date.parse(from), period)).toBe(Date.parse(to));
});
