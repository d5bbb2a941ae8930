import { expect, test } from "vitest";
import { admitActivation } from "./admit-activation.ts";
import type { ActivationFacts } from "./admit-activation.ts";
import { NOON, sampleActivation, sampleLicense } from "./sample-license.ts";

const request = { plugin: "@demo/invoices", rid: "rid-1" };
const facts: ActivationFacts = {
  license: sampleLicense(),
  own: null,
  taken: 0,
  trialLicenseId: null,
};
const trial = sampleLicense({ kind: "trial", trialDays: 14, until: null });

test("an instance gets a free seat", () => {
  expect(admitActivation(facts, request, NOON)).toMatchObject({ kind: "grant", own: null });
});

test.each([
  ["an unknown key", { ...facts, license: null }, "license_unknown"],
  [
    "a key for another plugin",
    { ...facts, license: sampleLicense({ plugin: "@demo/other" }) },
    "license_wrong_plugin",
  ],
  ["the seat after the last", { ...facts, taken: 1 }, "license_no_seat"],
  [
    "a suspended license",
    { ...facts, license: sampleLicense({ state: "suspended" }) },
    "license_suspended",
  ],
  [
    "a revoked license",
    { ...facts, license: sampleLicense({ state: "revoked" }) },
    "license_revoked",
  ],
  [
    "a license that ran out",
    { ...facts, license: sampleLicense({ until: NOON }) },
    "license_ended",
  ],
  [
    "a second trial",
    { ...facts, license: trial, trialLicenseId: "license-0" },
    "license_trial_used",
  ],
])("%s is refused", (_, known, code) => {
  expect(admitActivation(known, request, NOON)).toEqual({ kind: "refuse", code });
});

test.each([
  [0, false],
  [1, true],
  [2, true],
])("with %i of one seat taken, one of the overage of two is told so: %s", (taken, overSeats) => {
  const license = sampleLicense({ seats: 1, overage: 2 });
  const decision = admitActivation({ ...facts, license, taken }, request, NOON);
  expect(decision).toMatchObject({ kind: "grant", overSeats });
});

test("the overage ends too", () => {
  const license = sampleLicense({ seats: 1, overage: 2 });
  const refused = { kind: "refuse", code: "license_no_seat" };
  expect(admitActivation({ ...facts, license, taken: 3 }, request, NOON)).toEqual(refused);
});

test("unlimited seats are never all taken", () => {
  const unlimited = { ...facts, license: sampleLicense({ seats: null }), taken: 1_000_000 };
  expect(admitActivation(unlimited, request, NOON).kind).toBe("grant");
});

test("an instance that holds a seat keeps it when it activates again", () => {
  const own = sampleActivation();
  expect(admitActivation({ ...facts, own }, request, NOON)).toMatchObject({ kind: "grant", own });
});

test("the same trial may be activated again where it runs", () => {
  const known = { ...facts, license: trial, trialLicenseId: trial.id, own: sampleActivation() };
  expect(admitActivation(known, request, NOON).kind).toBe("grant");
});

test("a repeated request gets its activation again", () => {
  const own = sampleActivation({ rid: "rid-1" });
  expect(admitActivation({ ...facts, own }, request, NOON)).toEqual({ kind: "stored", own });
});

test("a lease that was returned is not handed out to a repeated request", () => {
  const own = sampleActivation({ rid: "rid-1", endedAt: NOON });
  expect(admitActivation({ ...facts, own }, request, NOON).kind).toBe("grant");
  expect(admitActivation({ ...facts, own, taken: 1 }, request, NOON).kind).toBe("refuse");
});
