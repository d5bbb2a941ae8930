import { RbsmError } from "@rising-bsm/protocol";
import { and, eq, inArray, isNull, sql } from "drizzle-orm";
import type { Database } from "../database.ts";
import { audit, plugins, publisherKeys, publishers, scopes, tokens } from "../schema.ts";
import type { AuditEntry, Publisher, PublisherKey } from "../schema.ts";

/** Each insert leaves an existing row as it is; the row that counts is what comes back. */
export async function insertPublisher(
  db: Database,
  row: Omit<Publisher, "approvedAt" | "verified">,
  entry: AuditEntry,
) {
  const [inserted, , found] = await db.batch([
    db.insert(publishers).values(row).onConflictDoNothing(),
    db.insert(audit).values(entry),
    db.select().from(publishers).where(eq(publishers.name, row.name)),
  ]);
  return { created: inserted.meta.changes > 0, row: found[0] };
}

export async function insertScope(
  db: Database,
  row: { scope: string; publisher: string; createdAt: number },
  entry: AuditEntry,
) {
  const [inserted, , found] = await db.batch([
    db.insert(scopes).values(row).onConflictDoNothing(),
    db.insert(audit).values(entry),
    db.select().from(scopes).where(eq(scopes.scope, row.scope)),
  ]);
  return { created: inserted.meta.changes > 0, row: found[0] };
}

/** A new key changes the public document of every plugin of its publisher. */
export async function insertKey(
  db: Database,
  row: Omit<PublisherKey, "revokedAt">,
  entry: AuditEntry,
) {
  const owned = db
    .select({ scope: scopes.scope })
    .from(scopes)
    .where(eq(scopes.publisher, row.publisher));
  const [inserted, , , found] = await db.batch([
    db.insert(publisherKeys).values(row).onConflictDoNothing(),
    db
      .update(plugins)
      .set({ revision: sql`${plugins.revision} + 1` })
      .where(inArray(plugins.scope, owned)),
    db.insert(audit).values(entry),
    db.select().from(publisherKeys).where(eq(publisherKeys.keyId, row.keyId)),
  ]);
  return { created: inserted.meta.changes > 0, row: found[0] };
}

export async function insertToken(
  db: Database,
  row: typeof tokens.$inferInsert,
  entry: AuditEntry,
): Promise<void> {
  await db.batch([db.insert(tokens).values(row), db.insert(audit).values(entry)]);
}

export async function revokeToken(
  db: Database,
  { id, at }: { id: string; at: number },
  entry: AuditEntry,
): Promise<void> {
  await db.batch([
    db
      .update(tokens)
      .set({ revokedAt: at })
      .where(and(eq(tokens.id, id), isNull(tokens.revokedAt))),
    db.insert(audit).values(entry),
  ]);
}

export async function assertPublisherExists(db: Database, name: string): Promise<void> {
  const row = await db
    .select({ name: publishers.name })
    .from(publishers)
    .where(eq(publishers.name, name))
    .get();
  if (row === undefined) throw new RbsmError("not_found", `There is no publisher "${name}"`);
}

export function findScope(db: Database, scope: string) {
  return db.select().from(scopes).where(eq(scopes.scope, scope)).get();
}

export function findTokenOwner(db: Database, id: string) {
  return db
    .select({ publisher: tokens.publisher, scope: tokens.scope })
    .from(tokens)
    .where(eq(tokens.id, id))
    .get();
}
