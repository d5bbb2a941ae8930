import { LEASE_ISSUER, type LeaseClaims } from "@rising-bsm/protocol";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { checkLease } from "./check-lease.ts";
import { warningOf } from "./describe-license.ts";

const DAY_S = 86_400;
const SEVERITY = ["active", "grace", "restricted"];

interface Terms {
  readonly kind: LeaseClaims["lic"]["kind"];
  readonly iat: number;
  readonly length: number;
  readonly grace: number;
  readonly updatesUntil: number | null;
  readonly overage: boolean;
}

const lease: fc.Arbitrary<Terms> = fc.record({
  kind: fc.constantFrom("perpetual", "subscription", "floating"),
  iat: fc.nat(100 * DAY_S),
  length: fc.integer({ min: 60, max: 90 * DAY_S }),
  grace: fc.nat(14 * DAY_S),
  updatesUntil: fc.option(fc.nat(200 * DAY_S)),
  overage: fc.boolean(),
});

function claimsOf({ kind, iat, length, grace, updatesUntil, overage }: Terms): LeaseClaims {
  return {
    iss: LEASE_ISSUER,
    aud: "instance-1",
    sub: "license-1",
    jti: "lease-1",
    iat,
    nbf: iat,
    exp: iat + length,
    lic: { kind, until: null, updatesUntil, grace, seats: 1, users: null, overage },
    plugin: "@acme/hello",
    ent: {},
    cnf: { jkt: "jkt" },
    seq: 1,
  };
}

const moment = fc.record({ now: fc.nat(400 * DAY_S * 1000), publishedAt: fc.nat(DAY_S * 300_000) });

test("time alone never makes a license better, and a refusal never does", () => {
  fc.assert(
    fc.property(lease, moment, fc.nat(90 * DAY_S * 1000), (terms, at, later) => {
      const claims = claimsOf(terms);
      const severity = (now: number, refused: boolean) =>
        SEVERITY.indexOf(checkLease(claims, { ...at, now, refused }).state);
      for (const refused of [false, true])
        expect(severity(at.now + later, refused)).toBeGreaterThanOrEqual(severity(at.now, refused));
      expect(severity(at.now, true)).toBeGreaterThanOrEqual(severity(at.now, false));
      if (at.now < claims.exp * 1000) expect(severity(at.now, true)).toBe(severity(at.now, false));
    }),
  );
});

test("the state changes at the time it says, and not before", () => {
  fc.assert(
    fc.property(lease, moment, fc.boolean(), (terms, at, refused) => {
      const claims = claimsOf(terms);
      const check = checkLease(claims, { ...at, refused });
      if (check.until === null) return;
      const stateAt = (now: number) => checkLease(claims, { ...at, now, refused }).state;
      expect(stateAt(check.until - 1)).toBe(check.state);
      expect(stateAt(check.until)).not.toBe(check.state);
    }),
  );
});

test("a banner stands above every grace and restriction, and names the worst", () => {
  fc.assert(
    fc.property(lease, moment, fc.boolean(), (terms, at, clone) => {
      const claims = claimsOf(terms);
      const check = checkLease(claims, at);
      const warning = warningOf({ claims, refusal: null, clone }, check, at.now);
      if (check.state === "restricted") expect(warning).toBe("restricted");
      if (check.state === "grace") expect(warning).toBe(clone ? "clone" : "renewal");
      if (warning === null)
        expect([check.state, clone, terms.overage]).toEqual(["active", false, false]);
    }),
  );
});

test.each([
  [12.9, null],
  [13, "renewal"],
])("of a lease of 14 days, after %s days without a renewal the banner is %s", (days, banner) => {
  const terms = { kind: "subscription", iat: 0, length: 14 * DAY_S } as const;
  const claims = claimsOf({ ...terms, grace: 0, updatesUntil: null, overage: false });
  const now = days * DAY_S * 1000;
  const known = { claims, refusal: null, clone: false };
  expect(warningOf(known, checkLease(claims, { now }), now)).toBe(banner);
});
