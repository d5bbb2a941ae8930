import { describe, expect, test } from "vitest";
import { assertDeliverable, decideRenewal, leaseSpan } from "./grant-lease.ts";
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
      "a license whose payment is disputed",
      { ...held, license: sampleLicense({ payment: "disputed" }) },
      next,
      "license_disputed",
    ],
    [
      "a license whose payment was returned",
      { ...held, license: sampleLicense({ payment: "refunded" }) },
      next,
      "license_refunded",
    ],
    [
      "a license that ran out",
      { ...held, license: sampleLicense({ until: NOON }) },
      next,
      "license_ended",
    ],
  ] as const)("refuses the holder of %s", ([, activation, request, code]) => {
    const refused = { kind: "refuse", code, held: activation };
    expect(decideRenewal(activation, request, NOON)).toEqual(refused);
  });

  test("refuses another instance's key without a word of whose it is", () => {
    const refused = { kind: "refuse", code: "license_unknown", held: null };
    expect(decideRenewal(held, { ...next, jkt: "other" }, NOON)).toEqual(refused);
  });

  test("answers a repeated request with the lease it got, whatever became of the license", () => {
    const suspended = { ...held, license: sampleLicense({ state: "suspended" }) };
    const repeated = { seq: 2, rid: "rid-3", jkt: "key" };
    expect(decideRenewal(suspended, repeated, NOON)).toEqual({ kind: "stored", lease: "lease-3" });
  });

  test.each([
    ["another rid with a spent seq", { seq: 2, rid: "rid-x", jkt: "key" }],
    ["the last rid with a seq spent before", { seq: 1, rid: "rid-3", jkt: "key" }],
  ])("calls %s a conflict that somebody else may be the cause of", (_, request) => {
    expect(decideRenewal(held, request, NOON)).toMatchObject({ kind: "conflict", spent: true });
  });

  test.each([
    ["an activation", null, next],
    ["a lease", held, { ...next, seq: 4 }],
    [
      "a lease after the one that was returned",
      { ...held, activation: sampleActivation({ endedAt: NOON }) },
      { ...next, seq: 4 },
    ],
  ])(
    "calls %s that this database does not know a conflict, and nobody's fault",
    (_, own, request) => {
      expect(decideRenewal(own, request, NOON)).toMatchObject({ kind: "conflict", spent: false });
    },
  );
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
    expect(leaseSpan({ kind, until }, "online", NOON)).toEqual({
      until: end,
      graceMs,
      heldUntil: end,
    });
  });

  test("of a perpetual license holds the seat until it is returned", () => {
    const span = leaseSpan({ kind: "perpetual", until: null }, "online", NOON);
    expect(span.until).toBe(NOON + 14 * DAY_MS);
    expect(span.heldUntil).toBeGreaterThan(NOON + 100_000 * DAY_MS);
  });

  test.for([
    ["subscription", NOON + 200 * DAY_MS, 90 * DAY_MS],
    ["subscription", NOON + 20 * DAY_MS, 20 * DAY_MS],
    ["perpetual", null, 90 * DAY_MS],
  ] as const)("of a %s until %s that travels as a file", ([kind, until, length]) => {
    expect(leaseSpan({ kind, until }, "offline", NOON).until).toBe(NOON + length);
  });
});

test("a floating license does not travel as a file", () => {
  const floating = { kind: "floating" } as const;
  expect(() => {
    assertDeliverable(floating, "offline");
  }).toThrow(expect.objectContaining({ code: "license_refused" }));
  assertDeliverable(floating, "online");
  assertDeliverable({ kind: "subscription" }, "offline");
});
