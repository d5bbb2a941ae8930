import { sha256, fromHex, utf8 } from "@rising-bsm/protocol";
import type { OrderState } from "@rising-bsm/protocol";
import type { Bindings } from "../env.ts";
import { isoTime } from "../iso-time.ts";
import { orderLicense } from "../licenses/order-license.ts";
import { decideOrder } from "./decide-order.ts";
import { factOf } from "./queries.ts";
import type { OrderFile } from "./queries.ts";
import type { Order } from "./tables.ts";

/** Whether this is the id of the order's checkout, which only its buyer and the provider know. */
export async function isBuyer({ sessionHash }: Order, session: string): Promise<boolean> {
  return crypto.subtle.timingSafeEqual(await sha256(utf8(session)), fromHex(sessionHash));
}

/** The order as its buyer sees it, with the license key until the license is used; or as others do. */
export async function showOrder(
  env: Bindings,
  file: OrderFile,
  viewer: "buyer" | "seller",
): Promise<OrderState> {
  const { order, events } = file;
  const { state, paidUntil, cancelledAt } = decideOrder(events.map(factOf));
  return {
    orderId: order.id,
    plugin: order.plugin,
    plan: order.plan.id,
    state,
    amount: order.amount,
    currency: order.currency,
    createdAt: isoTime(order.createdAt),
    paidUntil: isoTime(paidUntil),
    cancelledAt: isoTime(cancelledAt),
    licenseId: order.licenseId,
    licenseKey: viewer === "buyer" ? await keyOf(env, file) : null,
  };
}

/** A license that was transferred has another key, which this one cannot know. */
async function keyOf(env: Bindings, file: OrderFile): Promise<string | null> {
  if (file.license === null || file.isUsed) return null;
  const { licenseKey, keyHash } = await orderLicense(env, file.order.id);
  return keyHash === file.license.keyHash ? licenseKey : null;
}
