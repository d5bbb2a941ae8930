import { expect, test } from "vitest";
import { cardOf } from "./card.ts";
import { sampleListing } from "./sample-catalogue.ts";

const price = { amount: 90, currency: "EUR" };

test.for([
  [{ kind: "subscription" }, "month"],
  [{ kind: "subscription", period: "year" }, "year"],
  [{ kind: "floating" }, undefined],
  // The period is that of the updates.
  [{ kind: "perpetual", period: "year" }, undefined],
] as const)("the price of a plan %o is for %s", ([plan, period]) => {
  const manifest = { name: "@acme/x", pricing: { plans: [{ id: "pro", price, ...plan }] } };
  expect(cardOf(sampleListing(manifest, { paid: true })).price?.period).toBe(period);
});
