import { licenseChangeSchema, licenseResultSchema, orderResultSchema } from "@rising-bsm/protocol";
import type { z } from "zod";
import { report, stateOf, tryOrder } from "../../workers/orders/sample-order.ts";
import { send } from "../../workers/testing.ts";
import { DAY, type Ledger, type Order, type Sold } from "./ledger.ts";
import { planOf, PLUGIN, type SoldPlan } from "./plans.ts";

/** What people do to a license that was sold. */
export type Change = "suspend" | "reinstate" | "revoke" | "renew" | "transfer";

/** What becomes of a payment. */
export type Payment = "paid" | "refunded" | "disputed" | "dispute_won" | "dispute_lost";

/** What comes with it: the end of the paid period, or which dispute. */
interface Fact {
  readonly until?: number;
  readonly dispute?: string;
}

type Changed = z.output<typeof licenseChangeSchema>;

/** After a paid period the provider may take some days to collect the next one. */
const COLLECTION = 3 * DAY;
const YEAR = 365 * DAY;

/**
 * Whoever sells, and the payment provider: everything through the Worker's API, and into the ledger
 * when that says that it was done.
 */
export class Seller {
  readonly #ledger: Ledger;
  #count = 0;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  /** A license by hand. */
  async issue(planId: string): Promise<void> {
    const answer = await send("POST", "/v1/licenses", { body: { plugin: PLUGIN, plan: planId } });
    if (answer.status !== 201) throw new Error(await answer.text());
    const { licenseId, licenseKey } = licenseResultSchema.parse(await answer.json());
    const until = endsByItself(planOf(planId)) ? nextYear(this.#ledger.now) : null;
    this.#sell({ id: licenseId, key: licenseKey, plan: planOf(planId), until, order: null });
  }

  /** A license that is bought, with the first payment. */
  async buy(planId: string): Promise<void> {
    const plan = planOf(planId);
    const answer = await tryOrder({ plugin: PLUGIN, plan: planId });
    if (!answer.ok) throw new Error(await answer.text());
    const { orderId, url } = orderResultSchema.parse(await answer.json());
    const paidAt = this.#ledger.now;
    const paidUntil = endsByItself(plan) ? paidAt + YEAR : null;
    await this.#report(orderId, "paid", paidUntil === null ? {} : { until: paidUntil });
    const session = url.slice(url.lastIndexOf("/") + 1);
    const { licenseId: id, licenseKey: key } = await stateOf({ orderId, session });
    if (id === null || key === null) throw new Error("Paid, and no license");
    const order = { id: orderId, paidAt, paidUntil, refundedAt: null, disputes: new Set<string>() };
    const until = paidUntil === null ? null : paidUntil + COLLECTION;
    this.#sell({ id, key, plan, until, order });
  }

  #sell(sold: Pick<Sold, "id" | "key" | "plan" | "until" | "order">): void {
    const wasTrial = sold.plan.kind === "trial";
    this.#ledger.sold.set(sold.id, { ...sold, state: "active", payment: "ok", wasTrial });
  }

  /** As often as the answer is lost, with one idempotency key. */
  async change(sold: Sold, change: Change, times = 1): Promise<void> {
    const isFinal = sold.state === "revoked" || sold.payment === "refunded";
    const mustWork = !isFinal && ["suspend", "reinstate", "revoke"].includes(change);
    const changed = await this.#ask(`${sold.id}/${change}`, times);
    if (changed === null && mustWork) throw new Error(`${change} was refused`);
    if (changed !== null) CHANGES[change](this.#ledger, sold, changed);
  }

  async upgrade(sold: Sold, planId: string): Promise<void> {
    const plan = planOf(planId);
    const changed = await this.#ask(`${sold.id}/upgrade`, 1, { plan: planId });
    if (changed === null) return;
    if (isLess(plan, sold.plan)) throw new Error(`${sold.plan.id} was upgraded to ${planId}`);
    sold.plan = plan;
    sold.until = timeOf(changed.until);
  }

  /** Null when it was refused. */
  async #ask(path: string, times: number, body: object = {}): Promise<Changed | null> {
    const options = { body, once: `model-${this.#ledger.now}-${(this.#count += 1)}` };
    let last: Changed | null = null;
    for (let n = 0; n < times; n++) {
      const answer = await send("POST", `/v1/licenses/${path}`, options);
      if (answer.status >= 500) throw new Error(await answer.text());
      if (answer.status !== 200) return null;
      last = licenseChangeSchema.parse(await answer.json());
    }
    return last;
  }

  /** The provider says what became of the payment, where that can be. */
  async pay(sold: Sold, payment: Payment): Promise<void> {
    const { order } = sold;
    const fact = order === null ? null : this.#factOf(order, payment);
    if (order === null || fact === null) return;
    await this.#report(order.id, payment, fact);
    noteFact(order, { payment, ...fact }, this.#ledger.now);
    if (fact.until !== undefined && sold.until !== null) {
      sold.until = Math.max(sold.until, fact.until + COLLECTION);
    }
    sold.payment = standingOf(order);
  }

  #factOf({ paidUntil, disputes }: Order, payment: Payment): Fact | null {
    const [open] = disputes;
    switch (payment) {
      case "paid":
        if (paidUntil === null) return null;
        return { until: Math.max(this.#ledger.now, paidUntil) + YEAR };
      case "disputed":
        return { dispute: `du_${(this.#count += 1)}` };
      case "refunded":
        return {};
      default:
        return open === undefined ? null : { dispute: open };
    }
  }

  /** Everything arrives twice, and the second time does nothing. */
  async #report(orderId: string, payment: Payment, fact: Fact): Promise<void> {
    const event = `evt_${this.#ledger.now}_${(this.#count += 1)}`;
    const at = this.#ledger.now;
    const first = await report(orderId, payment, { ...fact, event, at });
    const second = await report(orderId, payment, { ...fact, event, at });
    if (first !== "applied" || second !== "repeated") throw new Error(`${first}, then ${second}`);
  }
}

const CHANGES: Record<Change, (ledger: Ledger, sold: Sold, changed: Changed) => void> = {
  suspend: (_, sold) => void (sold.state = "suspended"),
  reinstate: (_, sold) => void (sold.state = "active"),
  revoke: (_, sold) => void (sold.state = "revoked"),
  renew: ({ now }, sold, changed) => {
    if (sold.plan.kind === "perpetual") return;
    const paidFrom = Math.max(now, sold.until ?? now);
    sold.until = timeOf(changed.until);
    if (sold.until !== nextYear(paidFrom)) throw new Error(`Renewed to ${changed.until}`);
  },
  transfer: ({ lines }, sold, { licenseKey }) => {
    if (licenseKey === undefined) throw new Error("A transferred license has no new key");
    sold.key = licenseKey;
    for (const line of lines.values()) if (line.soldId === sold.id) line.ended ??= "transferred";
  },
};

function noteFact(
  order: Order,
  { payment, until, dispute = "" }: Fact & { readonly payment: Payment },
  now: number,
): void {
  if (payment === "disputed") order.disputes.add(dispute);
  else order.disputes.delete(dispute);
  if (payment === "refunded" || payment === "dispute_lost") order.refundedAt = now;
  if (until === undefined) return;
  order.paidAt = now;
  order.paidUntil = until;
}

/** A later payment is another one than the one that was returned. */
function standingOf({ paidAt, paidUntil, refundedAt, disputes }: Order): Sold["payment"] {
  const isBack = refundedAt !== null && (paidUntil === null || refundedAt >= paidAt);
  if (isBack) return "refunded";
  return disputes.size > 0 ? "disputed" : "ok";
}

const RANK = { trial: 1, floating: 2, subscription: 3, perpetual: 4 };

function isLess(plan: SoldPlan, before: SoldPlan): boolean {
  const lost = Object.entries(before.entitlements).some(
    ([name, value]) => Number(plan.entitlements[name] ?? 0) < Number(value),
  );
  const seats = plan.seats ?? Infinity;
  return lost || seats < (before.seats ?? Infinity) || RANK[plan.kind] < RANK[before.kind];
}

function endsByItself({ kind }: SoldPlan): boolean {
  return kind === "subscription" || kind === "floating";
}

function nextYear(from: number): number {
  const date = new Date(from);
  const day = date.getUTCDate();
  date.setUTCFullYear(date.getUTCFullYear() + 1);
  // The 29th of February becomes the 28th.
  if (date.getUTCDate() !== day) date.setUTCDate(0);
  return date.getTime();
}

function timeOf(time: string | null): number | null {
  return time === null ? null : Date.parse(time);
}
