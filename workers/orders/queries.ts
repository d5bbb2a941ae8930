import { ORDER_LIMITS } from "@rising-bsm/protocol";
import { and, eq, isNull, lte, sql } from "drizzle-orm";
import type { BatchItem } from "drizzle-orm/batch";
import { auditIf } from "../audit.ts";
import { isRefusedBy } from "../database.ts";
import type { Database } from "../database.ts";
import { activations, licenses } from "../licenses/tables.ts";
import type { License } from "../licenses/tables.ts";
import { audit, plugins, versions } from "../schema.ts";
import type { AuditEntry, Version } from "../schema.ts";
import type { PaymentFact } from "./decide-order.ts";
import type { PaymentEvent } from "./provider.ts";
import { orderAttempts, orders, paymentEvents } from "./tables.ts";
import type { Order, PaymentEventRow } from "./tables.ts";

/** Counts one more order of this network, and answers how many it began in the running window. */
export async function countOrder(db: Database, client: string, now: number): Promise<number> {
  const { attempts } = orderAttempts;
  const [, counted] = await db.batch([
    db.delete(orderAttempts).where(lte(orderAttempts.windowEndsAt, now)),
    db
      .insert(orderAttempts)
      .values({ client, windowEndsAt: now + ORDER_LIMITS.windowMs, attempts: 1 })
      .onConflictDoUpdate({ target: orderAttempts.client, set: { attempts: sql`${attempts} + 1` } })
      .returning({ attempts }),
  ]);
  return counted[0]?.attempts ?? 1;
}

export async function findOrder(db: Database, id: string): Promise<Order | null> {
  const rows = await db.select().from(orders).where(eq(orders.id, id));
  return rows[0] ?? null;
}

/**
 * The version whose plans are on sale: the newest one. Null where the plugin was removed or all of it
 * withdrawn, because nobody could install it.
 */
export async function findVersionOnSale(db: Database, plugin: string): Promise<Version | null> {
  const rows = await db
    .select({ version: versions })
    .from(plugins)
    .innerJoin(
      versions,
      and(eq(versions.plugin, plugins.name), eq(versions.version, plugins.latest)),
    )
    .where(and(eq(plugins.name, plugin), isNull(plugins.removedAt), isNull(versions.yankedReason)));
  return rows[0]?.version ?? null;
}

/** Stores the order once, and answers the one that is stored under its id. */
export async function insertOrder(db: Database, order: Order, entry: AuditEntry): Promise<Order> {
  const isNew = sql`NOT EXISTS (SELECT 1 FROM orders WHERE id = ${order.id})`;
  const [, , rows] = await db.batch([
    auditIf(db, entry, isNew),
    db.insert(orders).values(order).onConflictDoNothing(),
    db.select().from(orders).where(eq(orders.id, order.id)),
  ]);
  return rows[0] ?? order;
}

/** An order and all that is known of its payment. */
export interface OrderFile {
  readonly order: Order;
  readonly events: readonly PaymentEventRow[];
  readonly license: License | null;
  /** Whether the license was ever activated. */
  readonly isUsed: boolean;
}

export async function loadOrder(db: Database, id: string): Promise<OrderFile | null> {
  const license = sql`(SELECT license_id FROM orders WHERE id = ${id})`;
  const [found, events, held, used] = await db.batch([
    db.select().from(orders).where(eq(orders.id, id)),
    db.select().from(paymentEvents).where(eq(paymentEvents.orderId, id)),
    db.select().from(licenses).where(eq(licenses.id, license)),
    db
      .select({ id: activations.id })
      .from(activations)
      .where(eq(activations.licenseId, license))
      .limit(1),
  ]);
  const [order] = found;
  if (order === undefined) return null;
  return { order, events, license: held[0] ?? null, isUsed: used.length > 0 };
}

export function factOf({ fact, happenedAt, dispute, until }: PaymentEventRow): PaymentFact {
  return { kind: fact, at: happenedAt, dispute, until };
}

export interface EventWrite {
  /** As it was when the consequences were decided. */
  readonly order: Order;
  readonly event: PaymentEvent;
  readonly licenseId: string | null;
  /** What else changes: the license. */
  readonly consequences: readonly BatchItem<"sqlite">[];
  readonly audit: readonly AuditEntry[];
}

/**
 * Stores an event with all that follows from it, or nothing: `stale` when the order has changed
 * since it was read, because the first statement then has no order to belong to; `repeated` when the
 * event is stored already.
 */
export async function writeEvent(
  db: Database,
  write: EventWrite,
  now: number,
): Promise<"written" | "repeated" | "stale"> {
  const { order, event } = write;
  const { kind, dispute, until, at } = event.fact;
  const unchanged = sql`(SELECT id FROM orders WHERE id = ${order.id} AND revision = ${order.revision})`;
  try {
    await db.batch([
      db
        .insert(paymentEvents)
        .select(
          sql`SELECT ${order.provider}, ${event.id}, ${unchanged}, ${kind}, ${dispute}, ${until}, ${at}, ${now}`,
        ),
      ...write.consequences,
      ...write.audit.map((entry) => db.insert(audit).values(entry)),
      db
        .update(orders)
        .set({ licenseId: write.licenseId, revision: order.revision + 1 })
        .where(eq(orders.id, order.id)),
    ]);
    return "written";
  } catch (error) {
    if (isRefusedBy("NOT NULL constraint failed: payment_events.order_id", error)) return "stale";
    if (isRefusedBy("UNIQUE constraint failed: payment_events", error)) return "repeated";
    throw error;
  }
}
