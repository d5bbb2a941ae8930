import { expect, test } from "vitest";
import { readStripeEvent, readStripeFact } from "./stripe-events.ts";

const ORDER = "5f0c1c9e-3f2e-4d57-9a49-0b1b8a1d1f10";
const metadata = { orderId: ORDER };
const named = { orderId: ORDER, until: null };
const lines = { data: [{ period: { end: 1_900_000_000 } }, { period: { end: 1_800_000_000 } }] };
const untilEnd = { orderId: ORDER, until: 1_900_000_000_000 };

function read(type: string, object: unknown) {
  return readStripeFact(readStripeEvent({ id: "evt_1", type, created: 1, data: { object } }));
}

test.for<[string, string, object, object | null]>([
  [
    "a payment",
    "checkout.session.completed",
    { mode: "payment", payment_status: "paid", metadata },
    { kind: "paid", subject: named },
  ],
  [
    "a payment that is still to arrive",
    "checkout.session.completed",
    { mode: "payment", payment_status: "unpaid", metadata },
    null,
  ],
  [
    "a payment that has arrived at last",
    "checkout.session.async_payment_succeeded",
    { mode: "payment", payment_status: "paid", metadata },
    { kind: "paid", subject: named },
  ],
  [
    "a payment that failed",
    "checkout.session.async_payment_failed",
    { mode: "payment", payment_status: "unpaid", metadata },
    { kind: "expired", subject: named },
  ],
  [
    "a subscription's checkout, whose invoice says for how long",
    "checkout.session.completed",
    { mode: "subscription", payment_status: "paid", metadata },
    null,
  ],
  [
    "a period",
    "invoice.paid",
    { parent: { subscription_details: { metadata } }, lines },
    { kind: "paid", subject: untilEnd },
  ],
  [
    "a period, as accounts with an older version of the API get it",
    "invoice.paid",
    { subscription_details: { metadata }, lines },
    { kind: "paid", subject: untilEnd },
  ],
  ["an invoice of something else", "invoice.paid", { parent: null, lines }, null],
  [
    "a refund",
    "charge.refunded",
    { refunded: true, payment_intent: "pi_1", metadata },
    { kind: "refunded", subject: named },
  ],
  [
    "a refund of a part",
    "charge.refunded",
    { refunded: false, payment_intent: { id: "pi_1" }, metadata: {} },
    { kind: "partly_refunded", subject: { payment: "pi_1" } },
  ],
  ["a refund of nothing known", "charge.refunded", { refunded: true, metadata: {} }, null],
  [
    "a dispute",
    "charge.dispute.created",
    { id: "du_1", status: "needs_response", payment_intent: "pi_1", metadata: {} },
    { kind: "disputed", dispute: "du_1", subject: { payment: "pi_1" } },
  ],
  [
    "an inquiry, which moves no money",
    "charge.dispute.created",
    { id: "du_1", status: "warning_needs_response", payment_intent: "pi_1", metadata: {} },
    null,
  ],
  [
    "an inquiry that became a dispute",
    "charge.dispute.funds_withdrawn",
    { id: "du_1", status: "needs_response", payment_intent: "pi_1", metadata: {} },
    { kind: "disputed", dispute: "du_1" },
  ],
  [
    "a dispute that was lost",
    "charge.dispute.closed",
    { id: "du_1", status: "lost", payment_intent: "pi_1", metadata: {} },
    { kind: "dispute_lost", dispute: "du_1" },
  ],
  [
    "an inquiry that ended",
    "charge.dispute.closed",
    { id: "du_1", status: "warning_closed", payment_intent: "pi_1", metadata: {} },
    { kind: "dispute_won", dispute: "du_1" },
  ],
  [
    "an end of a subscription",
    "customer.subscription.deleted",
    { metadata },
    { kind: "cancelled", subject: named },
  ],
  ["a type that is not listened for", "customer.created", { metadata }, null],
])("%s", ([, type, object, expected]) => {
  const fact = read(type, object);
  if (expected === null) expect(fact).toBeNull();
  else expect(fact).toMatchObject(expected);
});

test.for([
  ["checkout.session.completed", {}],
  ["invoice.paid", { lines: 5 }],
  ["charge.refunded", { refunded: "yes" }],
  ["charge.dispute.closed", { id: 5 }],
  ["customer.subscription.deleted", null],
] as const)("%s of another shape is refused, so that it is seen at Stripe", ([type, object]) => {
  expect(() => read(type, object)).toThrow(expect.objectContaining({ code: "request_invalid" }));
});

test.for(["constructor", "toString", "__proto__"])("a type called %s says nothing", (type) => {
  expect(read(type, {})).toBeNull();
});

test.for([-1, 253_402_300_800, Number.MAX_SAFE_INTEGER])(
  "a period to %d s ends on no date",
  (end) => {
    const invoice = {
      parent: { subscription_details: { metadata } },
      lines: { data: [{ period: { end } }] },
    };
    expect(() => read("invoice.paid", invoice)).toThrow(
      expect.objectContaining({ code: "request_invalid" }),
    );
  },
);
