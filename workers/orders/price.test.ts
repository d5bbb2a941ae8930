import { ORDER_LIMITS } from "@rising-bsm/protocol";
import { assert, constantFrom, integer, property } from "fast-check";
import { describe, expect, test } from "vitest";
import type { Plan } from "../licenses/issue-license.ts";
import { decimalsOf, priceOf } from "./price.ts";
import { stripeAmount } from "./stripe.ts";

function plan(more: Partial<Plan> = {}): Plan {
  return { id: "pro", kind: "subscription", price: { amount: 9.99, currency: "EUR" }, ...more };
}

describe("priceOf()", () => {
  test("is a whole number of the currency's smallest unit, for every price with so many decimals", () => {
    const currencies = constantFrom("EUR", "USD", "JPY", "KRW", "KWD", "ISK", "CHF");
    assert(
      property(currencies, integer({ min: 1, max: 1_000_000 }), (currency, units) => {
        const amount = Number((units / 10 ** decimalsOf(currency)).toFixed(decimalsOf(currency)));
        expect(priceOf(plan({ price: { amount, currency } }), undefined).unitAmount).toBe(units);
      }),
      { numRuns: 500 },
    );
  });

  test("of more seats is whole plans, and no seats less than asked for are paid", () => {
    const seats = integer({ min: 1, max: 500 });
    assert(
      property(seats, seats, (included, asked) => {
        const offer = plan({ seats: included });
        if (asked % included !== 0) expect(() => priceOf(offer, asked)).toThrow(/steps of/);
        else expect(priceOf(offer, asked).quantity * included).toBe(asked);
      }),
    );
  });

  test.for([
    [{ kind: "free" }, undefined],
    [{ kind: "trial" }, undefined],
    [{ price: undefined }, undefined],
    [{ price: { amount: 0, currency: "EUR" } }, undefined],
    [{ price: { amount: 0.001, currency: "EUR" } }, undefined],
    [{ price: { amount: 9.999, currency: "EUR" } }, undefined],
    [{ price: { amount: 0.5, currency: "JPY" } }, undefined],
    [{ price: { amount: 999_999, currency: "EUR" } }, 2],
    [{ seats: -1 }, 1],
  ] as const)("refuses %o for %o seats", ([more, seats]) => {
    const { price, ...rest } = plan(more);
    const offer = price === undefined ? rest : { ...rest, price };
    expect(() => priceOf(offer, seats)).toThrow(
      expect.objectContaining({ code: "request_invalid" }),
    );
  });

  test.for([
    [{ kind: "subscription" }, "month"],
    [{ kind: "subscription", period: "year" }, "year"],
    [{ kind: "floating", period: "month" }, "month"],
    [{ kind: "floating" }, null],
    [{ kind: "perpetual", period: "year" }, null],
  ] as const)("of %o is charged again every %s", ([more, every]) => {
    expect(priceOf(plan(more), undefined).every).toBe(every);
  });

  test("is at most what a provider takes", () => {
    const offer = plan({ price: { amount: 9_999.99, currency: "EUR" } });
    expect(priceOf(offer, 100).amount).toBeLessThanOrEqual(ORDER_LIMITS.amount);
    expect(() => priceOf(offer, 101)).toThrow(/more than can be charged/);
  });

  test("is told to Stripe in Stripe's units", () => {
    expect(stripeAmount({ currency: "ISK", unitAmount: 5 })).toBe(500);
    expect(stripeAmount({ currency: "JPY", unitAmount: 500 })).toBe(500);
    expect(stripeAmount({ currency: "KWD", unitAmount: 5_120 })).toBe(5_120);
    expect(() => stripeAmount({ currency: "KWD", unitAmount: 5_124 })).toThrow(/cannot be charged/);
  });
});
