import { LICENSE_LIMITS } from "@rising-bsm/protocol";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  DAY_MS,
  HOUR_MS,
  NOON,
  sampleActivation,
  sampleLicense,
} from "../licenses/sample-license.ts";
import { namesPlugin } from "./plugin-id.ts";
import { decideVerification, heldUntil, REFUSALS } from "./verify-license.ts";
import type { Verification, VerificationFacts } from "./verify-license.ts";

const HARDWARE = "a".repeat(64);
const request: Verification = { pluginId: "@demo/invoices", hardware: HARDWARE };

function facts(changes: Partial<VerificationFacts> = {}): VerificationFacts {
  return {
    license: sampleLicense(),
    legacy: null,
    own: null,
    taken: 0,
    trialLicenseId: null,
    attempts: 0,
    ...changes,
  };
}

const running = (changes = {}) =>
  sampleActivation({
    rid: "",
    lease: "",
    leaseUntil: NOON,
    heldUntil: NOON + 5 * DAY_MS,
    ...changes,
  });
const boundTo = (hardware: string | null) => ({
  licenseId: "license-1",
  userId: null,
  hardware,
  formerKeyHash: null,
});

describe("decideVerification()", () => {
  test.each([
    ["an unknown key", { license: null }, REFUSALS.unknown],
    ["a suspended license", { license: sampleLicense({ state: "suspended" }) }, REFUSALS.inactive],
    ["a disputed payment", { license: sampleLicense({ payment: "disputed" }) }, REFUSALS.inactive],
    ["an end that has passed", { license: sampleLicense({ until: NOON }) }, REFUSALS.inactive],
    ["another plugin", { license: sampleLicense({ plugin: "@demo/other" }) }, REFUSALS.plugin],
    ["other hardware", { legacy: boundTo("b".repeat(64)) }, REFUSALS.hardware],
    ["full seats", { taken: 1 }, REFUSALS.installs],
  ])("%s is refused in the old words", (_, changes, error) => {
    expect(decideVerification(facts(changes), request, NOON)).toEqual({ kind: "refuse", error });
  });

  test("the first reason in the old order is the one that is told", () => {
    const all = {
      license: sampleLicense({ plugin: "@demo/other", state: "revoked" }),
      legacy: boundTo("b".repeat(64)),
      taken: 9,
    };
    expect(decideVerification(facts(all), request, NOON)).toMatchObject({
      error: REFUSALS.inactive,
    });
  });

  test("a running installation is held, however many seats are taken", () => {
    const seats = fc.record({ taken: fc.nat(100), seats: fc.integer({ min: 1, max: 50 }) });
    fc.assert(
      fc.property(seats, fc.integer({ min: 1, max: 14 * DAY_MS }), ({ taken, seats }, left) => {
        const own = running({ heldUntil: NOON + left });
        const license = sampleLicense({ seats, until: null });
        const { kind } = decideVerification(facts({ license, own, taken }), request, NOON);
        expect(["keep", "hold"]).toContain(kind);
      }),
    );
  });

  test("one that was away for long, or was ended, needs a seat again", () => {
    for (const own of [running({ heldUntil: NOON }), running({ endedAt: NOON - 1 })]) {
      expect(decideVerification(facts({ own, taken: 1 }), request, NOON).kind).toBe("refuse");
      expect(decideVerification(facts({ own }), request, NOON).kind).toBe("take");
    }
  });

  test("never are more seats given out than there are, with the overage", () => {
    const numbers = fc.record({
      seats: fc.option(fc.integer({ min: 1, max: 20 })),
      overage: fc.nat(5),
      taken: fc.nat(40),
    });
    fc.assert(
      fc.property(numbers, ({ seats, overage, taken }) => {
        const license = sampleLicense({ seats, overage });
        const decision = decideVerification(facts({ license, taken }), request, NOON);
        const isFree = seats === null || taken < seats + overage;
        expect(decision.kind).toBe(isFree ? "take" : "refuse");
        if (decision.kind === "take") {
          expect(decision.overSeats).toBe(seats !== null && taken >= seats);
        }
      }),
    );
  });

  test("nothing that is not active is ever valid", () => {
    const states = fc.record({
      state: fc.constantFrom("active", "suspended", "revoked"),
      payment: fc.constantFrom("ok", "disputed", "refunded"),
      until: fc.option(fc.integer({ min: NOON - 9, max: NOON + 9 })),
    });
    fc.assert(
      fc.property(states, fc.boolean(), (state, isRunning) => {
        const license = sampleLicense(state);
        const own = isRunning ? running() : null;
        const { kind } = decideVerification(facts({ license, own }), request, NOON);
        const isActive =
          state.state === "active" &&
          state.payment === "ok" &&
          (state.until === null || state.until > NOON);
        expect(kind !== "refuse").toBe(isActive);
      }),
    );
  });

  test("a seat is written anew once an hour", () => {
    const license = sampleLicense({ until: null });
    const at = (age: number) => running({ heldUntil: heldUntil(license, NOON - age) });
    const kindOf = (age: number) =>
      decideVerification(facts({ license, own: at(age) }), request, NOON).kind;
    expect([kindOf(0), kindOf(HOUR_MS), kindOf(HOUR_MS + 1)]).toEqual(["keep", "keep", "hold"]);
  });

  test("a seat is held for as long as a lease runs, and not past the license's end", () => {
    expect(heldUntil({ until: null }, NOON)).toBe(NOON + LICENSE_LIMITS.leaseMs);
    expect(heldUntil({ until: NOON + 5 }, NOON)).toBe(NOON + 5);
  });

  test("a trial that this hardware has had under another license is not had again", () => {
    const license = sampleLicense({ kind: "trial", until: null });
    const before = (trialLicenseId: string) =>
      decideVerification(facts({ license, trialLicenseId }), request, NOON);
    expect(before("license-2")).toEqual({ kind: "refuse", error: REFUSALS.trial });
    expect(before("license-1").kind).toBe("take");
  });

  test("unknown keys have a limit, known ones none", () => {
    const tried = { attempts: LICENSE_LIMITS.activationAttempts + 1 };
    expect(decideVerification(facts({ license: null, ...tried }), request, NOON).kind).toBe(
      "limit",
    );
    expect(decideVerification(facts(tried), request, NOON).kind).toBe("take");
  });
});

describe("namesPlugin()", () => {
  test("knows a plugin by its whole name, and by what stands after the scope", () => {
    const name = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,20}$/);
    fc.assert(
      fc.property(name, name, name, (scope, plugin, other) => {
        const whole = `@${scope}/${plugin}`;
        expect(namesPlugin(whole, whole)).toBe(true);
        expect(namesPlugin(plugin, whole)).toBe(true);
        expect(namesPlugin(other, whole)).toBe(other === plugin);
        expect(namesPlugin(`@${other}/${plugin}`, whole)).toBe(other === scope);
      }),
    );
  });
});
