import { describe, expect, test } from "vitest";
import { decideRenewal, leaseSpan, licenseState } from "./grant-lease.ts";
import type { HeldActivation, RenewalRequest } from "./grant-lease.ts";
import { DAY_MS, HOUR_MS, NOON, sampleActivation, sampleLicense } from "./sample-license.ts";

const held: HeldActivation = {
  license: sampleLicense(),
  activation: sampleActivation(),
  jkt: "key",
};
const next: RenewalRequest = { seq: 3, rid: "rid-4", jkt: "key" };

describe("decideRenewal()", () => {
  test("grants the lease after the one that is held", () => {
    expect(decideRenewal(held, next, NOON)).toMatchObject({ kind: "grant", seq: 4 });
  });

  test.for([
    ["an unknown activation", null, next, "license_unknown"],
    ["another instance's key", held, { ...next, jkt: "other" }, "license_unknown"],
    [
      "a returned activation",
      { ...held, activation: sampleActivation({ endedAt: NOON }) },
      next,
      "license_returned",
    ],
    [
      "a suspended license",
      { ...held, license: sampleLicense({ state: "suspended" }) },
      next,
      "license_suspended",
    ],
    [
      "a revoked license",
      { ...held, license: sampleLicense({ state: "revoked" }) },
      next,
      "license_revoked",
    ],
    [
      "a license that ran out",
      { ...held, license: sampleLicense({ until: NOON }) },
      next,
      "license_ended",
    ],
  ] as const)("refuses %s", ([, activation, request, code]) => {
    expect(decideRenewal(activation, request, NOON)).toEqual({ kind: "refuse", code });
  });

  test("answers a repeated request with the lease it got, whatever became of the license", () => {
    const suspended = { ...held, license: sampleLicense({ state: "suspended" }) };
    const repeated = { seq: 2, rid: "rid-3", jkt: "key" };
    expect(decideRenewal(suspended, repeated, NOON)).toEqual({ kind: "stored", lease: "lease-3" });
  });

  test.each([
    ["another rid with a spent seq", { seq: 2, rid: "rid-x", jkt: "key" }],
    ["the last rid with a seq spent before", { seq: 1, rid: "rid-3", jkt: "key" }],
    ["a seq that was never given out", { seq: 4, rid: "rid-4", jkt: "key" }],
  ])("calls %s a conflict", (_, request) => {
    expect(decideRenewal(held, request, NOON).kind).toBe("conflict");
  });
});

describe("leaseSpan()", () => {
  test.for([
    ["subscription", NOON + 90 * DAY_MS, 14 * DAY_MS, 14 * DAY_MS],
    ["subscription", NOON + 3 * DAY_MS, 3 * DAY_MS, 14 * DAY_MS],
    ["trial", NOON + 2 * DAY_MS, 2 * DAY_MS, 14 * DAY_MS],
    ["floating", null, HOUR_MS, 24 * HOUR_MS],
    ["free", null, 14 * DAY_MS, 14 * DAY_MS],
  ] as const)("of a %s until %s", ([kind, until, length, graceMs]) => {
    const end = NOON + length;
    expect(leaseSpan({ kind, until }, NOON)).toEqual({ until: end, graceMs, heldUntil: end });
  });

  test("of a perpetual license holds the seat until it is returned", () => {
    const span = leaseSpan({ kind: "perpetual", until: null }, NOON);
    expect(span.until).toBe(NOON + 14 * DAY_MS);
    expect(span.heldUntil).toBeGreaterThan(NOON + 100_000 * DAY_MS);
  });
});

test.each([
  ["active", NOON + 1, "active"],
  ["active", null, "active"],
  ["active", NOON, "expired"],
  ["suspended", NOON, "suspended"],
  ["revoked", NOON, "revoked"],
] as const)("a license stored as %s until %s is %s", (state, until, shown) => {
  expect(licenseState({ state, until }, NOON)).toBe(shown);
});
