import { RbsmError } from "@rising-bsm/protocol";
import { and, eq, isNull, ne, sql } from "drizzle-orm";
import { auditIf } from "../audit.ts";
import type { Database } from "../database.ts";
import { relistPlugins } from "../release/queries.ts";
import { audit, publishers, scopes, tokens } from "../schema.ts";
import type { AuditEntry, Publisher } from "../schema.ts";

/** Each insert leaves an existing row as it is; the row that counts is what comes back. */
export async function insertPublisher(
  db: Database,
  row: Omit<Publisher, "approvedAt" | "verified" | "recoveryHash" | "keysRevision">,
  entry: AuditEntry,
) {
  const isNew = sql`NOT EXISTS (SELECT 1 FROM publishers WHERE name = ${row.name})`;
  const [, inserted, found] = await db.batch([
    auditIf(db, entry, isNew),
    db.insert(publishers).values(row).onConflictDoNothing(),
    db.select().from(publishers).where(eq(publishers.name, row.name)),
  ]);
  return { created: inserted.meta.changes > 0, row: found[0] };
}

/** Gives the publisher as it is then. Every plugin of a publisher shows whether it is verified. */
export async function storeVerified(
  db: Database,
  { name, verified }: { name: string; verified: boolean },
  entry: AuditEntry,
): Promise<Publisher | undefined> {
  const isNew = sql`EXISTS (SELECT 1 FROM publishers
    WHERE name = ${name} AND verified <> ${Number(verified)})`;
  const [, , , found] = await db.batch([
    auditIf(db, entry, isNew),
    relistPlugins(db, name, { isWithdrawn: !verified, onlyIf: isNew }),
    db.update(publishers).set({ verified }).where(eq(publishers.name, name)),
    db.select().from(publishers).where(eq(publishers.name, name)),
  ]);
  return found[0];
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
  const isInUse = sql`EXISTS (SELECT 1 FROM tokens WHERE id = ${id} AND revoked_at IS NULL)`;
  await db.batch([
    auditIf(db, entry, isInUse),
    db
      .update(tokens)
      .set({ revokedAt: at })
      .where(and(eq(tokens.id, id), isNull(tokens.revokedAt))),
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

export async function ownsOtherScope(
  db: Database,
  { publisher, scope }: { publisher: string; scope: string },
): Promise<boolean> {
  const other = await db
    .select({ scope: scopes.scope })
    .from(scopes)
    .where(and(eq(scopes.publisher, publisher), ne(scopes.scope, scope)))
    .get();
  return other !== undefined;
}

export function findTokenOwner(db: Database, id: string) {
  return db
    .select({ publisher: tokens.publisher, scope: tokens.scope })
    .from(tokens)
    .where(eq(tokens.id, id))
    .get();
}
