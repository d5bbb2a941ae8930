import { and, eq, isNull, lte, sql } from "drizzle-orm";
import { auditIf } from "../audit.ts";
import type { Database } from "../database.ts";
import type { AuditEntry } from "../schema.ts";
import type { AfterFailure } from "./decide-retry.ts";
import { webhooks } from "./tables.ts";
import type { Webhook } from "./tables.ts";

const { id, disabledAt, nextAttemptAt, claimedUntil } = webhooks;

function isDue(now: number) {
  return and(isNull(disabledAt), lte(nextAttemptAt, now), lte(claimedUntil, now));
}

/** Webhooks for which something waits, the longest due first. */
export async function listDue(
  db: Database,
  { now, limit }: { readonly now: number; readonly limit: number },
): Promise<string[]> {
  const rows = await db
    .select({ id })
    .from(webhooks)
    .where(isDue(now))
    .orderBy(nextAttemptAt)
    .limit(limit);
  return rows.map((row) => row.id);
}

/** Takes the webhook for a while; null when somebody else has it, or nothing is due any more. */
export async function claimWebhook(
  db: Database,
  webhookId: string,
  { now, until }: { readonly now: number; readonly until: number },
): Promise<Webhook | null> {
  const [claimed, rows] = await db.batch([
    db
      .update(webhooks)
      .set({ claimedUntil: until })
      .where(and(eq(id, webhookId), isDue(now))),
    db.select().from(webhooks).where(eq(id, webhookId)),
  ]);
  return claimed.meta.changes > 0 ? (rows[0] ?? null) : null;
}

/** Everything below is written only while the claim is the one that was read. */
function isHeld(webhook: Webhook) {
  return and(eq(id, webhook.id), eq(claimedUntil, webhook.claimedUntil));
}

/** The receiver has this event. Answers the row with a longer claim; null when it was lost. */
export async function recordDelivery(
  db: Database,
  webhook: Webhook,
  { delivered, until }: { readonly delivered: number; readonly until: number },
): Promise<Webhook | null> {
  const change = {
    delivered,
    attempts: 0,
    failingSince: null,
    lastProblem: null,
    claimedUntil: until,
  };
  const written = await db.update(webhooks).set(change).where(isHeld(webhook));
  return written.meta.changes > 0 ? { ...webhook, ...change } : null;
}

/** Gives the webhook back until its next attempt, or for good. */
export async function recordFailure(
  db: Database,
  webhook: Webhook,
  { after, entry }: { readonly after: AfterFailure; readonly entry: AuditEntry },
): Promise<void> {
  const isDisabled = sql`${after.disabledAt} IS NOT NULL AND EXISTS (
    SELECT 1 FROM webhooks WHERE id = ${webhook.id} AND claimed_until = ${webhook.claimedUntil})`;
  await db.batch([
    auditIf(db, entry, isDisabled),
    db
      .update(webhooks)
      .set({ ...after, claimedUntil: 0 })
      .where(isHeld(webhook)),
  ]);
}

/**
 * Gives the webhook back. It is due again at once if there are events after the one that it has seen,
 * but after those that have waited since before `now`.
 */
export async function releaseWebhook(
  db: Database,
  webhook: Webhook,
  { seen, now }: { readonly seen: number; readonly now: number },
): Promise<void> {
  const waits = sql`EXISTS (SELECT 1 FROM license_events
    WHERE publisher = ${webhook.publisher} AND number > ${seen})`;
  await db
    .update(webhooks)
    .set({
      delivered: seen,
      claimedUntil: 0,
      nextAttemptAt: sql`CASE WHEN ${waits} THEN ${now} END`,
    })
    .where(isHeld(webhook));
}
