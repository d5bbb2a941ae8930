import { integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import type { Plan } from "../licenses/issue-license.ts";
import type { FactKind } from "./decide-order.ts";

/** Somebody's wish to buy a plan. Times are milliseconds since 1970. */
export const orders = sqliteTable("orders", {
  id: text().primaryKey(),
  provider: text().notNull(),
  /** SHA-256 of the provider's checkout id: whoever knows that id sees the license key. */
  sessionHash: text("session_hash").notNull(),
  plugin: text().notNull(),
  /** The plan as it was offered. */
  plan: text({ mode: "json" }).$type<Plan>().notNull(),
  seats: integer(),
  org: text(),
  /** Of everything, in the smallest unit of the currency. */
  amount: integer().notNull(),
  currency: text().notNull(),
  licenseId: text("license_id"),
  /** Counts the events. */
  revision: integer().notNull(),
  createdAt: integer("created_at").notNull(),
});

/** What a provider said about an order; each event acts once. */
export const paymentEvents = sqliteTable(
  "payment_events",
  {
    provider: text().notNull(),
    id: text().notNull(),
    orderId: text("order_id").notNull(),
    fact: text().$type<FactKind>().notNull(),
    dispute: text(),
    until: integer(),
    happenedAt: integer("happened_at").notNull(),
    receivedAt: integer("received_at").notNull(),
  },
  (table) => [primaryKey({ columns: [table.provider, table.id] })],
);

/** Orders that a network began in the running window. */
export const orderAttempts = sqliteTable("order_attempts", {
  client: text().primaryKey(),
  windowEndsAt: integer("window_ends_at").notNull(),
  attempts: integer().notNull(),
});

export type Order = typeof orders.$inferSelect;
export type PaymentEventRow = typeof paymentEvents.$inferSelect;
