import { foldName } from "@rising-bsm/protocol";
import { and, asc, eq, lte, sql } from "drizzle-orm";
import { auditIf } from "../audit.ts";
import type { Database } from "../database.ts";
import { queueLogEntry } from "../log/queries.ts";
import { plugins, publishers, scopes, scopeTransfers } from "../schema.ts";
import type { AuditEntry } from "../schema.ts";

/** Leaves an existing row as it is; the row that counts is what comes back. */
export async function insertScope(
  db: Database,
  row: { scope: string; publisher: string; createdAt: number },
  entry: AuditEntry,
) {
  const { scope, publisher: to } = row;
  const isNew = sql`NOT EXISTS (SELECT 1 FROM scopes WHERE scope = ${scope})`;
  const at = new Date(row.createdAt).toISOString();
  const [, , inserted, found] = await db.batch([
    auditIf(db, entry, isNew),
    queueLogEntry(db, { type: "owner", scope, from: null, to, at }, isNew),
    db
      .insert(scopes)
      .values({ ...row, fold: foldName(scope.slice(1)) })
      .onConflictDoNothing(),
    db.select().from(scopes).where(eq(scopes.scope, scope)),
  ]);
  return { created: inserted.meta.changes > 0, row: found[0] };
}

/** Who has the scope, who is about to get it, and whether they exist. */
export async function loadTransfer(db: Database, scope: string, to: string | null) {
  const [owners, pending, receivers] = await db.batch([
    db.select({ publisher: scopes.publisher }).from(scopes).where(eq(scopes.scope, scope)),
    db.select().from(scopeTransfers).where(eq(scopeTransfers.scope, scope)),
    db
      .select({ name: publishers.name })
      .from(publishers)
      .where(eq(publishers.name, to ?? "")),
  ]);
  return {
    scope,
    owner: owners[0]?.publisher ?? null,
    pending: pending[0] ?? null,
    isReceiverKnown: receivers.length > 0,
  };
}

export type Transfer = typeof scopeTransfers.$inferSelect;

/** Of two requests at once the first counts. */
export async function insertTransfer(
  db: Database,
  row: Transfer,
  entry: AuditEntry,
): Promise<Transfer | undefined> {
  const isFirst = sql`NOT EXISTS (SELECT 1 FROM scope_transfers WHERE scope = ${row.scope})`;
  const [, , found] = await db.batch([
    auditIf(db, entry, isFirst),
    db.insert(scopeTransfers).values(row).onConflictDoNothing(),
    db.select().from(scopeTransfers).where(eq(scopeTransfers.scope, row.scope)),
  ]);
  return found[0];
}

export async function deleteTransfer(
  db: Database,
  scope: string,
  entry: AuditEntry,
): Promise<void> {
  const isPending = sql`EXISTS (SELECT 1 FROM scope_transfers WHERE scope = ${scope})`;
  await db.batch([
    auditIf(db, entry, isPending),
    db.delete(scopeTransfers).where(eq(scopeTransfers.scope, scope)),
  ]);
}

/** Transfers whose cool-down is over, with who has the scope until then. */
export function listDueTransfers(
  db: Database,
  { now, limit }: { now: number; limit: number },
): Promise<(Transfer & { from: string })[]> {
  return db
    .select({
      scope: scopeTransfers.scope,
      toPublisher: scopeTransfers.toPublisher,
      requestedAt: scopeTransfers.requestedAt,
      effectiveAt: scopeTransfers.effectiveAt,
      from: scopes.publisher,
    })
    .from(scopeTransfers)
    .innerJoin(scopes, eq(scopes.scope, scopeTransfers.scope))
    .where(lte(scopeTransfers.effectiveAt, now))
    .orderBy(asc(scopeTransfers.effectiveAt))
    .limit(limit);
}

/** Gives the scope away, unless the transfer was taken back meanwhile: its plugins show it. */
export async function carryOutTransfer(
  db: Database,
  { scope, from, toPublisher: to, effectiveAt }: Transfer & { from: string },
  entry: AuditEntry,
): Promise<void> {
  const isPending = sql`EXISTS (SELECT 1 FROM scope_transfers
    WHERE scope = ${scope} AND to_publisher = ${to} AND effective_at = ${effectiveAt})`;
  const at = new Date(entry.at).toISOString();
  await db.batch([
    auditIf(db, entry, isPending),
    queueLogEntry(db, { type: "owner", scope, from, to, at }, isPending),
    db
      .update(plugins)
      .set({ revision: sql`${plugins.revision} + 1` })
      .where(and(eq(plugins.scope, scope), isPending)),
    db
      .update(scopes)
      .set({ publisher: to })
      .where(and(eq(scopes.scope, scope), isPending)),
    db
      .delete(scopeTransfers)
      .where(and(eq(scopeTransfers.scope, scope), eq(scopeTransfers.effectiveAt, effectiveAt))),
  ]);
}
