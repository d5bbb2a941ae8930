import { WEBHOOK_LIMITS } from "@rising-bsm/protocol";
import { and, count, eq, sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import { auditIf, isAskedUnder } from "../audit.ts";
import type { Database } from "../database.ts";
import { audit } from "../schema.ts";
import type { AuditEntry } from "../schema.ts";
import { webhooks } from "./tables.ts";
import type { Webhook } from "./tables.ts";

export type NewWebhook = Pick<
  Webhook,
  "id" | "publisher" | "scope" | "url" | "events" | "createdAt"
>;

export interface InsertedWebhook {
  /** Under this id: the new one, or the one that is there already; null when it is refused. */
  readonly row: Webhook | null;
  /** Whether the publisher has as many as it may. */
  readonly isFull: boolean;
}

/** Makes one that is told what happens from now on; none beyond the limit, and no deleted one anew. */
export async function insertWebhook(
  db: Database,
  webhook: NewWebhook,
  entry: AuditEntry,
): Promise<InsertedWebhook> {
  const { id, publisher } = webhook;
  const mayBe = sql`NOT EXISTS (SELECT 1 FROM webhooks WHERE id = ${id})
    AND NOT EXISTS (SELECT 1 FROM audit WHERE subject = ${id} AND action = 'webhook.delete')
    AND ${WEBHOOK_LIMITS.perPublisher} > (SELECT count(*) FROM webhooks WHERE publisher = ${publisher})`;
  const [, , rows, totals] = await db.batch([
    auditIf(db, entry, mayBe),
    db.insert(webhooks).select(webhookIf(webhook, mayBe)),
    db.select().from(webhooks).where(eq(webhooks.id, id)),
    db.select({ total: count() }).from(webhooks).where(eq(webhooks.publisher, publisher)),
  ]);
  const isFull = (totals[0]?.total ?? 0) >= WEBHOOK_LIMITS.perPublisher;
  return { row: rows[0] ?? null, isFull };
}

/** The columns in the order of the table, as `INSERT … SELECT` takes them. */
function webhookIf({ id, publisher, scope, url, events, createdAt }: NewWebhook, condition: SQL) {
  const newest = sql`coalesce((SELECT max(number) FROM license_events WHERE publisher = ${publisher}), 0)`;
  return sql`SELECT ${id}, ${publisher}, ${scope}, ${url}, ${JSON.stringify(events)}, 1, NULL,
    ${newest}, 0, NULL, NULL, 0, NULL, NULL, ${createdAt} WHERE ${condition}`;
}

export async function findWebhook(db: Database, id: string): Promise<Webhook | null> {
  const row = await db.select().from(webhooks).where(eq(webhooks.id, id)).get();
  return row ?? null;
}

/** In the order in which they were made. */
export function listWebhooks(db: Database, publisher: string): Promise<Webhook[]> {
  return db
    .select()
    .from(webhooks)
    .where(eq(webhooks.publisher, publisher))
    .orderBy(webhooks.createdAt, webhooks.id);
}

export async function deleteWebhook(db: Database, id: string, entry: AuditEntry): Promise<void> {
  const isThere = sql`EXISTS (SELECT 1 FROM webhooks WHERE id = ${id})`;
  await db.batch([auditIf(db, entry, isThere), db.delete(webhooks).where(eq(webhooks.id, id))]);
}

/** Whether this caller has had the same done under this key. */
export async function wasDone(
  db: Database,
  { subject, action, actor }: AuditEntry,
  idempotencyKey: string,
): Promise<boolean> {
  const found = await db
    .select({ id: audit.id })
    .from(audit)
    .where(
      and(
        eq(audit.subject, subject),
        eq(audit.action, action),
        eq(audit.actor, actor),
        isAskedUnder(idempotencyKey),
      ),
    )
    .get();
  return found !== undefined;
}

/** The next secret, over the version that was read; answers whether it was that one. */
export async function rotateSecret(
  db: Database,
  { id, secretVersion }: Pick<Webhook, "id" | "secretVersion">,
  entry: AuditEntry,
): Promise<boolean> {
  const isCurrent = sql`EXISTS (SELECT 1 FROM webhooks WHERE id = ${id} AND secret_version = ${secretVersion})`;
  const [, rotated] = await db.batch([
    auditIf(db, entry, isCurrent),
    db
      .update(webhooks)
      .set({ secretVersion: secretVersion + 1, rotatedAt: entry.at })
      .where(and(eq(webhooks.id, id), isCurrent)),
  ]);
  return rotated.meta.changes > 0;
}

/** What waits is due at once, whatever went wrong before; recorded for one that was disabled. */
export async function enableWebhook(
  db: Database,
  id: string,
  entry: AuditEntry,
): Promise<Webhook | null> {
  const isDisabled = sql`EXISTS (SELECT 1 FROM webhooks WHERE id = ${id} AND disabled_at IS NOT NULL)`;
  const [, rows] = await db.batch([
    auditIf(db, entry, isDisabled),
    db
      .update(webhooks)
      .set({ attempts: 0, failingSince: null, nextAttemptAt: entry.at, disabledAt: null })
      .where(eq(webhooks.id, id))
      .returning(),
  ]);
  return rows[0] ?? null;
}
