import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { STRIPE_EVENT_TYPES } from "../workers/orders/stripe-events.ts";

test("docs/selling.md names the events of Stripe that the Worker acts upon", async () => {
  const page = await readFile("docs/selling.md", "utf8");
  const named = [...page.matchAll(/`((?:checkout|invoice|charge|customer)\.[a-z_.]+)`/g)];
  expect(new Set(named.map(([, type]) => type))).toEqual(new Set(STRIPE_EVENT_TYPES));
});
