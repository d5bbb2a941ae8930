import { hex, utf8 } from "@rising-bsm/protocol";
import type { FactKind } from "./decide-order.ts";

/** Messages as Stripe sends them, reduced to what says something; for tests and for people who try it out. */
export interface SampleEvent {
  readonly id: string;
  readonly object: "event";
  /** Seconds. */
  readonly created: number;
  readonly type: string;
  readonly data: { readonly object: object };
}

export interface SampleFact {
  /** What Stripe read in the metadata; without it only `payment` says what it is about. */
  readonly orderId?: string | undefined;
  readonly payment?: string | undefined;
  readonly dispute?: string | undefined;
  /** End of the paid period in milliseconds: an invoice of a subscription. Without it one payment. */
  readonly until?: number | undefined;
}

type Shape = (fact: SampleFact) => { readonly type: string; readonly object: object };

const SHAPES: Readonly<Record<FactKind, Shape>> = {
  paid: (fact) =>
    fact.until === undefined
      ? { type: "checkout.session.completed", object: session(fact, "paid") }
      : { type: "invoice.paid", object: invoice(fact) },
  refunded: (fact) => ({ type: "charge.refunded", object: charge(fact, true) }),
  partly_refunded: (fact) => ({ type: "charge.refunded", object: charge(fact, false) }),
  disputed: (fact) => ({ type: "charge.dispute.created", object: dispute(fact, "needs_response") }),
  dispute_won: (fact) => ({ type: "charge.dispute.closed", object: dispute(fact, "won") }),
  dispute_lost: (fact) => ({ type: "charge.dispute.closed", object: dispute(fact, "lost") }),
  cancelled: (fact) => ({
    type: "customer.subscription.deleted",
    object: { object: "subscription", status: "canceled", metadata: metadataOf(fact) },
  }),
  expired: (fact) => ({ type: "checkout.session.expired", object: session(fact, "unpaid") }),
};

/** An event that states the fact. */
export function sampleEvent(
  kind: FactKind,
  fact: SampleFact,
  { id, at }: { readonly id: string; readonly at: number },
): SampleEvent {
  const { type, object } = SHAPES[kind](fact);
  return { id, object: "event", created: Math.floor(at / 1000), type, data: { object } };
}

export interface SignedEvent {
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** The event as the request that Stripe makes with it, signed with the webhook endpoint's secret. */
export async function signSampleEvent(
  event: SampleEvent,
  secret: string,
  at: number,
): Promise<SignedEvent> {
  const body = JSON.stringify(event);
  const time = Math.floor(at / 1000);
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", utf8(secret), algorithm, false, ["sign"]);
  const tag = await crypto.subtle.sign("HMAC", key, utf8(`${time}.${body}`));
  const signature = `t=${time},v1=${hex(new Uint8Array(tag))}`;
  return { body, headers: { "Content-Type": "application/json", "Stripe-Signature": signature } };
}

/** The invoice of one period, with the metadata of its subscription. */
export function invoice(fact: SampleFact) {
  const end = Math.floor((fact.until ?? 0) / 1000);
  return {
    object: "invoice",
    status: "paid",
    parent: {
      type: "subscription_details",
      subscription_details: { subscription: "sub_sample", metadata: metadataOf(fact) },
    },
    lines: { object: "list", data: [{ object: "line_item", period: { start: end - 1, end } }] },
  };
}

function session(fact: SampleFact, status: string) {
  const metadata = metadataOf(fact);
  return { object: "checkout.session", mode: "payment", payment_status: status, metadata };
}

function charge(fact: SampleFact, refunded: boolean) {
  const payment = fact.payment ?? null;
  return { object: "charge", refunded, payment_intent: payment, metadata: metadataOf(fact) };
}

function dispute(fact: SampleFact, status: string) {
  const id = fact.dispute ?? "du_sample";
  const payment = fact.payment ?? null;
  return { object: "dispute", id, status, payment_intent: payment, metadata: metadataOf(fact) };
}

function metadataOf({ orderId }: SampleFact): Record<string, string> {
  return orderId === undefined ? {} : { orderId };
}
