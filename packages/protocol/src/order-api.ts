import { z } from "zod";
import { ORDER_LIMITS } from "./limits.ts";
import { pluginNameSchema } from "./plugin-name.ts";
import { timeSchema } from "./statements.ts";
import { licenseeSchema } from "./text.ts";

/** `POST /v1/orders`: somebody wants to buy a plan of a plugin. */
export const orderRequestSchema = z.strictObject({
  plugin: pluginNameSchema,
  plan: z.string().min(1).max(128),
  /** A whole number of times the plan's own; left out, just these. */
  seats: z.int().min(1).max(ORDER_LIMITS.seats).optional(),
  /** The licensee's name, which signed leases will show. */
  org: licenseeSchema.optional(),
});

/** An order, and the payment provider's page where it is paid. */
export const orderResultSchema = z.object({ orderId: z.uuid(), url: z.url() });

/** What became of an order. */
export const orderStateSchema = z.object({
  orderId: z.uuid(),
  plugin: pluginNameSchema,
  plan: z.string(),
  /** `paid` is in order; `expired` was never paid, or the payment failed. */
  state: z.enum(["open", "paid", "disputed", "refunded", "expired"]),
  /** In the smallest unit of the currency. */
  amount: z.int(),
  currency: z.string(),
  createdAt: timeSchema,
  /** End of the paid period; null where nothing is paid yet or the payment is for good. */
  paidUntil: timeSchema.nullable(),
  /** When the subscription was ended: it runs to `paidUntil`. */
  cancelledAt: timeSchema.nullable(),
  licenseId: z.string().nullable(),
  /** For the buyer, until the license is activated for the first time. */
  licenseKey: z.string().nullable(),
});

/** What became of an order. */
export type OrderState = z.output<typeof orderStateSchema>;
