import { LEASE_ISSUER } from "@rising-bsm/protocol";
import { expect, test } from "vitest";
import { downloadRefusal } from "./admit-download.ts";
import { DAY_MS, NOON, sampleLicense, sampleTerms } from "./sample-license.ts";
import { leaseClaims } from "./sign-lease.ts";
import type { License } from "./tables.ts";

function lease(license: Partial<License> = {}) {
  const terms = sampleTerms({ license: sampleLicense(license) });
  return { iss: LEASE_ISSUER, ...leaseClaims(terms, NOON) } as const;
}

const wanted = { plugin: "@demo/invoices", publishedAt: NOON, jkt: "key" };

test("a lease opens its plugin to its holder", () => {
  expect(downloadRefusal(lease(), wanted, NOON)).toBeNull();
});

test.for([
  ["another key", lease(), { ...wanted, jkt: "other" }, NOON, "license_unknown"],
  ["another plugin", lease(), { ...wanted, plugin: "@demo/other" }, NOON, "license_wrong_plugin"],
  ["a lease in its grace", lease(), wanted, NOON + 14 * DAY_MS, "license_ended"],
  [
    "a version after the paid updates",
    lease({ kind: "perpetual", until: null, updatesUntil: NOON - 1000 }),
    wanted,
    NOON,
    "license_not_covered",
  ],
] as const)("%s is refused", ([, claims, asked, now, code]) => {
  expect(downloadRefusal(claims, asked, now)).toBe(code);
});

test("a lease has the claims of its design and no other", () => {
  const terms = sampleTerms({ activationId: "a", instanceId: "i", nonce: "n" });
  const claims = leaseClaims(terms, NOON);
  const at = NOON / 1000;
  expect(claims).toEqual({
    aud: "i",
    sub: "license-1",
    jti: "a.4",
    iat: at,
    nbf: at,
    exp: at + 14 * 86_400,
    lic: {
      kind: "subscription",
      until: at + 20 * 86_400,
      updatesUntil: null,
      grace: 14 * 86_400,
      seats: 1,
      users: null,
    },
    plugin: "@demo/invoices",
    ent: { pro: true },
    cnf: { jkt: "key" },
    seq: 4,
    org: "Muster GmbH",
    nonce: "n",
  });
});
