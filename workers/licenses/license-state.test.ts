import { expect, test } from "vitest";
import { licenseState, stateRefusal } from "./license-state.ts";
import { NOON } from "./sample-license.ts";

test.each([
  ["active", "ok", NOON + 1, "active", null],
  ["active", "ok", null, "active", null],
  ["active", "ok", NOON, "expired", "license_ended"],
  ["active", "disputed", NOON, "suspended", "license_disputed"],
  ["active", "refunded", NOON + 1, "revoked", "license_refunded"],
  ["suspended", "ok", NOON, "suspended", "license_suspended"],
  ["suspended", "disputed", NOON + 1, "suspended", "license_suspended"],
  ["suspended", "refunded", NOON + 1, "revoked", "license_refunded"],
  ["revoked", "ok", NOON, "revoked", "license_revoked"],
  ["revoked", "refunded", NOON, "revoked", "license_revoked"],
] as const)(
  "a license stored as %s, its payment %s, until %s is %s",
  (...[state, payment, until, shown, code]) => {
    expect(licenseState({ state, payment, until }, NOON)).toBe(shown);
    expect(stateRefusal({ state, payment, until }, NOON)).toBe(code);
  },
);
