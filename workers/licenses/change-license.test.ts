import { expect, test } from "vitest";
import { changeLicense } from "./change-license.ts";
import type { LicenseAction } from "./change-license.ts";
import { DAY_MS, NOON, sampleLicense } from "./sample-license.ts";
import type { License } from "./tables.ts";

test.each<[LicenseAction, Partial<License>, object]>([
  ["suspend", {}, { state: "suspended" }],
  ["reinstate", { state: "suspended" }, { state: "active" }],
  ["revoke", { state: "suspended" }, { state: "revoked" }],
  ["renew", { until: Date.UTC(2026, 9, 30) }, { until: Date.UTC(2026, 10, 30) }],
  ["renew", { until: NOON - 90 * DAY_MS }, { until: Date.UTC(2026, 10, 10, 12) }],
  [
    "renew",
    { kind: "perpetual", period: "year", until: null, updatesUntil: NOON },
    { updatesUntil: Date.UTC(2027, 9, 10, 12) },
  ],
  ["transfer", {}, { transferredAt: NOON }],
  ["transfer", { transferredAt: NOON - 30 * DAY_MS }, { transferredAt: NOON }],
])("%s of %o changes %o", (action, license, patch) => {
  expect(changeLicense(sampleLicense(license), action, NOON)).toEqual(patch);
});

test.each<[LicenseAction, Partial<License>]>([
  ["suspend", { state: "revoked" }],
  ["reinstate", { state: "revoked" }],
  ["renew", { state: "revoked" }],
  ["renew", { kind: "trial" }],
  ["renew", { period: null }],
  ["transfer", { kind: "trial" }],
  ["transfer", { state: "suspended" }],
  ["transfer", { transferredAt: NOON - 30 * DAY_MS + 1 }],
])("%s of %o is refused", (action, license) => {
  expect(() => changeLicense(sampleLicense(license), action, NOON)).toThrow(
    expect.objectContaining({ code: "conflict_state" }),
  );
});
