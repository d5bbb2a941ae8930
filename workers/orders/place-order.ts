import { hex, localText, ORDER_LIMITS, RbsmError, sha256Hex, utf8 } from "@rising-bsm/protocol";
import type { orderRequestSchema } from "@rising-bsm/protocol";
import type { z } from "zod";
import { writeDatabase } from "../database.ts";
import type { Database } from "../database.ts";
import { secretBytes } from "../env.ts";
import type { Bindings } from "../env.ts";
import type { Plan } from "../licenses/issue-license.ts";
import { mac } from "../mac.ts";
import { networkOf } from "../network-of.ts";
import type { AuditEntry } from "../schema.ts";
import { storedManifest, storedPlans, storedVisibility } from "../stored-manifest.ts";
import { uuidOf } from "../uuid.ts";
import { configuredProvider } from "./configured-provider.ts";
import { priceOf } from "./price.ts";
import type { Price } from "./price.ts";
import { countOrder, findOrder, findVersionOnSale, insertOrder } from "./queries.ts";
import type { Order } from "./tables.ts";

export type OrderWish = z.output<typeof orderRequestSchema>;

export interface Placing {
  /** Address of the buyer's network, as the platform names it. */
  readonly address: string | undefined;
  /** A random text of the buyer's: the same one again gets the same order. */
  readonly idempotencyKey: string | undefined;
  readonly orderPage: (orderId: string, session: string) => string;
  readonly cancelPage: string;
  readonly requestId: string;
}

interface Offer {
  readonly plan: Plan;
  readonly title: string;
  readonly price: Price;
}

/**
 * Opens a checkout at the payment provider, and stores the order before anybody is sent there.
 * Throws `unavailable`, `limit_rate`, `plugin_not_found`, `request_invalid`, or `conflict_state` when
 * the idempotency key belongs to another order.
 */
export async function placeOrder(
  env: Bindings,
  wish: OrderWish,
  placing: Placing,
): Promise<{ orderId: string; url: string }> {
  const provider = configuredProvider(env);
  const db = writeDatabase(env);
  const now = Date.now();
  await limitOrders(env, db, { address: placing.address, now });
  const id = await orderIdOf(env, placing.idempotencyKey);
  const earlier = placing.idempotencyKey === undefined ? null : await findOrder(db, id);
  const offer = await findOffer(db, wish, earlier);
  const { session, url } = await provider.createCheckout({
    orderId: id,
    title: offer.title,
    price: offer.price,
    orderPage: (name) => placing.orderPage(id, name),
    cancelPage: placing.cancelPage,
  });
  const sessionHash = await sha256Hex(utf8(session));
  const order = newOrder({ id, provider: provider.name, sessionHash, createdAt: now }, wish, offer);
  const stored = await insertOrder(db, order, orderAudit(order, placing));
  if (!isSame(stored, wish) || stored.sessionHash !== sessionHash) throw taken();
  return { orderId: id, url };
}

/** Nobody has an account, so a network is what can be limited. */
async function limitOrders(
  env: Bindings,
  db: Database,
  { address, now }: { address: string | undefined; now: number },
): Promise<void> {
  const tag = await mac(secretBytes(env, "ISSUE_KEY"), "order network", networkOf(address));
  const count = await countOrder(db, hex(tag), now);
  if (count > ORDER_LIMITS.ordersPerClient) throw new RbsmError("limit_rate");
}

/** Derived from the buyer's key, so that a repeated order finds the first one. */
async function orderIdOf(env: Bindings, idempotencyKey: string | undefined): Promise<string> {
  if (idempotencyKey === undefined) return crypto.randomUUID();
  return uuidOf(await mac(secretBytes(env, "ISSUE_KEY"), "order id", idempotencyKey));
}

/** What is sold: on a repetition the plan as it was offered the first time. */
async function findOffer(db: Database, wish: OrderWish, earlier: Order | null): Promise<Offer> {
  if (earlier !== null && !isSame(earlier, wish)) throw taken();
  const { plans, title } = await findShop(db, wish.plugin);
  const plan = earlier?.plan ?? plans.find(({ id }) => id === wish.plan);
  if (plan === undefined) {
    throw new RbsmError("request_invalid", `${wish.plugin} has no plan "${wish.plan}"`);
  }
  return { plan, title: `${title}: ${plan.id}`, price: priceOf(plan, wish.seats) };
}

/** A private plugin is there for nobody who has no token of its owner, and one that is gone for nobody. */
async function findShop(db: Database, plugin: string) {
  const latest = await findVersionOnSale(db, plugin);
  if (latest === null || storedVisibility(latest) === "private") {
    throw new RbsmError("plugin_not_found");
  }
  const { displayName = plugin } = storedManifest(latest);
  return { plans: storedPlans(latest), title: localText(displayName, "en") };
}

function newOrder(
  made: Pick<Order, "id" | "provider" | "sessionHash" | "createdAt">,
  { plugin, seats, org }: OrderWish,
  { plan, price }: Offer,
): Order {
  return {
    ...made,
    plugin,
    plan,
    seats: seats ?? null,
    org: org ?? null,
    amount: price.amount,
    currency: price.currency,
    licenseId: null,
    revision: 1,
  };
}

function isSame(order: Order, { plugin, plan, seats, org }: OrderWish): boolean {
  const wished = [plugin, plan, seats ?? null, org ?? null];
  const stored = [order.plugin, order.plan.id, order.seats, order.org];
  return wished.every((value, at) => value === stored[at]);
}

/** Also when the checkout of the first one is long over, and the provider has opened another. */
function taken(): RbsmError {
  return new RbsmError("conflict_state", "This Idempotency-Key belongs to another order", {
    fix: "Send a new random one.",
  });
}

function orderAudit(order: Order, { requestId }: Placing): AuditEntry {
  return {
    at: order.createdAt,
    actor: "buyer",
    action: "order.create",
    subject: order.id,
    detail: { plugin: order.plugin, plan: order.plan.id },
    requestId,
  };
}
