import { manifestSchema } from "@rising-bsm/protocol";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DAY_MS, NOON, sampleLicense } from "../licenses/sample-license.ts";
import { issueLegacyLicense } from "./issue-legacy-license.ts";
import { LICENSE_TYPES, planOfType, typeOf, usageLimitsOf } from "./license-types.ts";

const type = fc.constantFrom(...LICENSE_TYPES);
const order = { plugin: "@demo/invoices" };

describe("types of the old system", () => {
  test("what is issued as a type is shown as that type", () => {
    const installs = fc.option(fc.constantFrom(-1, 1, 7), { nil: undefined });
    const end = fc.option(fc.constant(NOON + DAY_MS), { nil: undefined });
    fc.assert(
      fc.property(type, installs, end, (type, maxInstalls, expiresAt) => {
        const terms = issueLegacyLicense([], { ...order, type, maxInstalls, expiresAt }, NOON);
        const license = sampleLicense({ ...terms });
        expect(typeOf(license)).toBe(type);
        if (maxInstalls !== undefined) expect(license.seats ?? -1).toBe(maxInstalls);
        if (maxInstalls !== undefined) expect(license.entitlements["installs"]).toBe(maxInstalls);
        if (expiresAt !== undefined) expect(license.until).toBe(expiresAt);
      }),
    );
  });

  test("only a trial has an end when nothing is said", () => {
    const endOf = (type: (typeof LICENSE_TYPES)[number]) =>
      issueLegacyLicense([], { ...order, type }, NOON);
    expect(endOf("trial")).toMatchObject({ kind: "trial", trialDays: 30, until: null });
    for (const paid of ["basic", "premium", "enterprise"] as const) {
      expect(endOf(paid)).toMatchObject({ kind: "perpetual", until: null, updatesUntil: null });
    }
  });

  test("what has an end can be renewed", () => {
    const sold = { ...order, type: "basic", expiresAt: NOON + DAY_MS } as const;
    expect(issueLegacyLicense([], sold, NOON)).toMatchObject({
      kind: "subscription",
      period: "year",
      until: NOON + DAY_MS,
    });
  });

  test("a plugin's own plan of that name wins", () => {
    const plans = [
      { id: "basic", kind: "floating", seats: 2, entitlements: { pro: true } },
    ] as const;
    expect(planOfType([...plans], { type: "basic" })).toEqual(plans[0]);
    expect(planOfType([...plans], { type: "basic", maxInstalls: 5 })).toEqual({
      ...plans[0],
      seats: 5,
    });
    expect(planOfType([...plans], { type: "premium" })).toMatchObject({
      kind: "perpetual",
      seats: 10,
    });
  });

  test("the default plans are such as a manifest may have", () => {
    const plans = LICENSE_TYPES.map((type) => planOfType([], { type }));
    const manifest = {
      name: "@demo/a",
      version: "1.0.0",
      main: "a.js",
      permissions: [],
      dependencies: {},
    };
    expect(manifestSchema.safeParse({ ...manifest, pricing: { plans } }).success).toBe(true);
  });

  test("licenses of the new API have a type too", () => {
    expect(typeOf(sampleLicense({ plan: "team", seats: 3 }))).toBe("premium");
    expect(typeOf(sampleLicense({ plan: "team", seats: null }))).toBe("enterprise");
    expect(typeOf(sampleLicense({ plan: "try", kind: "trial" }))).toBe("trial");
    expect(usageLimitsOf({ entitlements: { pro: true, rows: 5, installs: 3 } })).toEqual({
      rows: 5,
    });
  });
});
