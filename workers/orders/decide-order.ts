import { LICENSE_LIMITS } from "@rising-bsm/protocol";

export const FACT_KINDS = [
  "paid",
  "refunded",
  "partly_refunded",
  "disputed",
  "dispute_won",
  "dispute_lost",
  "cancelled",
  "expired",
] as const;
export type FactKind = (typeof FACT_KINDS)[number];

/** One thing that a payment provider said about an order. Facts are only ever added. */
export interface PaymentFact {
  readonly kind: FactKind;
  /** When it happened at the provider, milliseconds. */
  readonly at: number;
  /** Which dispute, where it is about one. */
  readonly dispute: string | null;
  /** End of the period that the payment in question is for; null is a payment for good. */
  readonly until: number | null;
}

/** What a license is told of its payment. */
export interface PaymentStanding {
  readonly payment: "ok" | "disputed" | "refunded";
  /** End of the license, some days after the paid period; null is never. */
  readonly until: number | null;
}

export type OrderState = "open" | "paid" | "disputed" | "refunded" | "expired";

export interface OrderStanding {
  readonly state: OrderState;
  /** Null until the first payment: there is nothing to license. */
  readonly license: (PaymentStanding & { readonly paidAt: number }) | null;
  /** End of the newest paid period; null where nothing is paid or the payment is for good. */
  readonly paidUntil: number | null;
  /** When the subscription was ended. It changes nothing: what was paid stays usable to its end. */
  readonly cancelledAt: number | null;
}

/**
 * What all that is known of the payment comes to. It asks only which facts there are, never in which
 * order they came, so late, repeated and overtaking events end in the same.
 */
export function decideOrder(facts: readonly PaymentFact[]): OrderStanding {
  const paid = facts.filter(({ kind }) => kind === "paid");
  const cancelledAt = earliest(facts.filter(({ kind }) => kind === "cancelled"));
  const paidAt = earliest(paid);
  if (paidAt === null) {
    const state = facts.some(({ kind }) => kind === "expired") ? "expired" : "open";
    return { state, license: null, paidUntil: null, cancelledAt };
  }
  const newest = newestPayment(paid);
  const payment = paymentOf(facts, newest);
  const until = newest.until === null ? null : newest.until + LICENSE_LIMITS.collectionMs;
  return {
    state: payment === "ok" ? "paid" : payment,
    license: { payment, until, paidAt },
    paidUntil: newest.until,
    cancelledAt,
  };
}

interface Payment {
  readonly until: number | null;
  readonly at: number;
}

/** How far all payments together reach, and when the last of them was made. */
function newestPayment(paid: readonly PaymentFact[]): Payment {
  const ends = paid.map(({ until }) => until ?? Infinity);
  const end = Math.max(...ends);
  return { until: end === Infinity ? null : end, at: Math.max(...paid.map(({ at }) => at)) };
}

function paymentOf(facts: readonly PaymentFact[], newest: Payment): PaymentStanding["payment"] {
  if (facts.some((fact) => takesBack(fact, newest))) return "refunded";
  const closed = new Set(
    facts
      .filter(({ kind }) => kind === "dispute_won" || kind === "dispute_lost")
      .map(({ dispute }) => dispute),
  );
  const isOpen = facts.some(({ kind, dispute }) => kind === "disputed" && !closed.has(dispute));
  return isOpen ? "disputed" : "ok";
}

/**
 * Whether the money for what was bought last went back. Of a subscription that is the newest period:
 * an earlier one that was refunded was used, and later ones are paid.
 */
function takesBack({ kind, until, at }: PaymentFact, newest: Payment): boolean {
  if (kind !== "refunded" && kind !== "dispute_lost") return false;
  if (newest.until === null) return true;
  return until === null ? at >= newest.at : until >= newest.until;
}

function earliest(facts: readonly PaymentFact[]): number | null {
  return facts.length === 0 ? null : Math.min(...facts.map(({ at }) => at));
}
