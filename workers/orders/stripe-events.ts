import { RbsmError } from "@rising-bsm/protocol";
import { z } from "zod";
import type { FactKind, PaymentFact } from "./decide-order.ts";

/**
 * What Stripe's events mean for an order. They name it in the metadata that its checkout was made
 * with. A charge of a subscription, and every dispute, do not carry that: they name a payment, and
 * Stripe is asked what the payment was for.
 */
const metadata = z
  .object({ orderId: z.string().optional() })
  .nullish()
  .transform((value) => value?.orderId ?? null);
const reference = z
  .union([z.string(), z.object({ id: z.string() })])
  .nullish()
  .transform((value) => (typeof value === "object" ? (value?.id ?? null) : (value ?? null)));
/** Up to the last day of the year 9999: what is later is no date. */
const seconds = z
  .int()
  .min(0)
  .max(253_402_300_799)
  .transform((value) => value * 1000);

const eventSchema = z.object({
  id: z.string().min(1).max(255),
  type: z.string(),
  created: seconds,
  data: z.object({ object: z.unknown() }),
});
export type StripeEvent = z.output<typeof eventSchema>;

const sessionSchema = z.object({
  mode: z.string(),
  payment_status: z.string().nullish(),
  metadata,
});

const subscriptionDetails = z.object({ metadata }).nullish();
const invoiceSchema = z.object({
  parent: z.object({ subscription_details: subscriptionDetails }).nullish(),
  // Where it stood before Stripe's versions of 2025; an account chooses which one its events have.
  subscription_details: subscriptionDetails,
  lines: z.object({ data: z.array(z.object({ period: z.object({ end: seconds }) })) }),
});

const chargeSchema = z.object({ refunded: z.boolean(), payment_intent: reference, metadata });
const disputeSchema = z.object({
  id: z.string(),
  status: z.string(),
  payment_intent: reference,
  metadata,
});
const subscriptionSchema = z.object({ metadata });

/** Which order a payment was for, and to the end of which period it reaches. */
export interface PaidFor {
  readonly orderId: string;
  readonly until: number | null;
}

/** Named by the event itself, or by a payment that has to be looked up. */
export type Subject = PaidFor | { readonly payment: string };

export interface StripeFact {
  readonly subject: Subject;
  readonly kind: FactKind;
  readonly dispute: string | null;
}

/** The parts of an event that every one has. Throws `request_invalid`. */
export function readStripeEvent(value: unknown): StripeEvent {
  return parse(eventSchema, value);
}

const READERS: Readonly<Record<string, (object: unknown) => StripeFact | null>> = {
  "checkout.session.completed": (object) => sessionPaid(object),
  "checkout.session.async_payment_succeeded": (object) => sessionPaid(object),
  "checkout.session.async_payment_failed": (object) => sessionOver(object),
  "checkout.session.expired": (object) => sessionOver(object),
  "invoice.paid": (object) => invoicePaid(object),
  "charge.refunded": (object) => chargeRefunded(object),
  "charge.dispute.created": (object) => disputeOpened(object),
  "charge.dispute.funds_withdrawn": (object) => disputeOpened(object),
  "charge.dispute.closed": (object) => disputeClosed(object),
  "customer.subscription.deleted": (object) => subscriptionEnded(object),
};

/** Types of events that say something about orders: what Stripe has to be set up to send. */
export const STRIPE_EVENT_TYPES = Object.keys(READERS);

/** What the event says; null where it is about no order. Throws `request_invalid`. */
export function readStripeFact({ type, data }: StripeEvent): StripeFact | null {
  return Object.hasOwn(READERS, type) ? (READERS[type]?.(data.object) ?? null) : null;
}

/** The fact, once it is known what was paid for. */
export function toPaymentFact(
  { kind, dispute }: StripeFact,
  { until }: PaidFor,
  at: number,
): PaymentFact {
  return { kind, dispute, until, at };
}

/** Of a subscription each payment is an invoice, which also says for how long. */
function sessionPaid(object: unknown): StripeFact | null {
  const { mode, payment_status: status, metadata: orderId } = parse(sessionSchema, object);
  if (mode !== "payment" || orderId === null) return null;
  return status === "unpaid" ? null : aboutOrder("paid", orderId);
}

function sessionOver(object: unknown): StripeFact | null {
  const { metadata: orderId } = parse(sessionSchema, object);
  return orderId === null ? null : aboutOrder("expired", orderId);
}

function invoicePaid(object: unknown): StripeFact | null {
  const paidFor = readInvoice(object);
  return paidFor === null ? null : { subject: paidFor, kind: "paid", dispute: null };
}

/** Of an invoice of a subscription: the order, and the end of the last period on it. */
export function readInvoice(object: unknown): PaidFor | null {
  const { parent, subscription_details: older, lines } = parse(invoiceSchema, object);
  const orderId = parent?.subscription_details?.metadata ?? older?.metadata ?? null;
  if (orderId === null || lines.data.length === 0) return null;
  return { orderId, until: Math.max(...lines.data.map(({ period }) => period.end)) };
}

/** Part of the money back is between buyer and seller: the license stays. */
function chargeRefunded(object: unknown): StripeFact | null {
  const { refunded, payment_intent: payment, metadata: orderId } = parse(chargeSchema, object);
  const subject = subjectOf(orderId, payment);
  const kind = refunded ? "refunded" : "partly_refunded";
  return subject === null ? null : { subject, kind, dispute: null };
}

/** An inquiry (`warning_…`) moves no money yet. */
function disputeOpened(object: unknown): StripeFact | null {
  const dispute = parse(disputeSchema, object);
  return dispute.status.startsWith("warning_") ? null : aboutDispute("disputed", dispute);
}

function disputeClosed(object: unknown): StripeFact | null {
  const dispute = parse(disputeSchema, object);
  return aboutDispute(dispute.status === "lost" ? "dispute_lost" : "dispute_won", dispute);
}

function aboutDispute(
  kind: FactKind,
  { id, metadata: orderId, payment_intent: payment }: z.output<typeof disputeSchema>,
): StripeFact | null {
  const subject = subjectOf(orderId, payment);
  return subject === null ? null : { subject, kind, dispute: id };
}

function subscriptionEnded(object: unknown): StripeFact | null {
  const { metadata: orderId } = parse(subscriptionSchema, object);
  return orderId === null ? null : aboutOrder("cancelled", orderId);
}

function aboutOrder(kind: FactKind, orderId: string): StripeFact {
  return { subject: { orderId, until: null }, kind, dispute: null };
}

function subjectOf(orderId: string | null, payment: string | null): Subject | null {
  if (orderId !== null) return { orderId, until: null };
  return payment === null ? null : { payment };
}

function parse<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new RbsmError("request_invalid", "The event is not one of Stripe's", {}, result.error);
}
