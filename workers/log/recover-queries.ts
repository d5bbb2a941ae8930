import type { Advisory, LogEntry } from "@rising-bsm/protocol";
import { and, asc, between, eq, sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import type { Database } from "../database.ts";
import { putHistory } from "./queries.ts";
import type { History } from "./queries.ts";
import { bumpRevision } from "../release/queries.ts";
import {
  advisories,
  heads,
  keyStatements,
  logEntries,
  logQueue,
  plugins,
  publisherKeys,
  publishers,
  scopes,
  scopeTransfers,
  versions,
} from "../schema.ts";
import type { Heads, Version } from "../schema.ts";

const rowsOf = (values: readonly unknown[]) => sql`json_each(${JSON.stringify(values)}) AS row`;

/** What the bucket has counts: other entries at these places were never shown to anybody. */
export async function storeHistory(db: Database, history: History): Promise<void> {
  await db.batch(putHistory(db, history));
}

export function loadEntries(db: Database, { from, until }: { from: number; until: number }) {
  return db
    .select()
    .from(logEntries)
    .where(between(logEntries.place, from, until - 1))
    .orderBy(asc(logEntries.place));
}

/** Releases of the log's last part that the database has no row for. */
export async function countLostReleases(db: Database, from: number): Promise<number> {
  const lost = sql`${logEntries.place} >= ${from} AND ${logEntries.entry} ->> 'type' = 'release'
    AND NOT EXISTS (SELECT 1 FROM versions WHERE plugin = ${logEntries.entry} ->> 'plugin'
    AND version = ${logEntries.entry} ->> 'version' AND log_index = ${logEntries.place})`;
  return db.$count(logEntries, lost);
}

export async function storeRecoveredHeads(
  db: Database,
  known: Heads,
  next: Pick<Heads, "logSize" | "logRoot" | "shownLogSize" | "tufVersion">,
): Promise<void> {
  await db.update(heads).set({ ...next, revision: known.revision + 1 });
}

type Of<Type extends LogEntry["type"]> = Extract<LogEntry, { type: Type }>;

function ensurePublisher(db: Database, name: string, at: number) {
  return db
    .insert(publishers)
    .values({ name, displayName: name, createdAt: at })
    .onConflictDoNothing();
}

/** The entry is in the log: what waits to be logged must not become it a second time. */
function dropQueued(db: Database, text: string) {
  return db.delete(logQueue).where(eq(logQueue.entry, text));
}

export interface Logged<Type extends LogEntry["type"]> {
  readonly entry: Of<Type>;
  readonly text: string;
}

export async function restoreOwner(db: Database, { entry, text }: Logged<"owner">): Promise<void> {
  const at = Date.parse(entry.at);
  await db.batch([
    ensurePublisher(db, entry.to, at),
    db
      .insert(scopes)
      .values({ scope: entry.scope, publisher: entry.to, createdAt: at })
      .onConflictDoUpdate({ target: scopes.scope, set: { publisher: entry.to } }),
    db
      .delete(scopeTransfers)
      .where(and(eq(scopeTransfers.scope, entry.scope), eq(scopeTransfers.toPublisher, entry.to))),
    dropQueued(db, text),
  ]);
}

export async function restoreKey(db: Database, { entry, text }: Logged<"key-add">): Promise<void> {
  const { publisher, keyId, publicKey, recovery } = entry;
  const at = Date.parse(entry.at);
  await db.batch([
    ensurePublisher(db, publisher, at),
    db
      .insert(publisherKeys)
      .values({ keyId, publisher, publicKey, createdAt: at })
      .onConflictDoNothing(),
    db
      .update(publishers)
      .set({ recoveryHash: recovery, keysRevision: sql`${publishers.keysRevision} + 1` })
      .where(eq(publishers.name, publisher)),
    dropQueued(db, text),
  ]);
}

export async function restoreRevocation(
  db: Database,
  { entry, text }: Logged<"key-revoke">,
): Promise<void> {
  const at = Date.parse(entry.at);
  await db.batch([
    db
      .update(publisherKeys)
      .set({
        revokedAt: sql`coalesce(${publisherKeys.revokedAt}, ${at})`,
        revokedFrom: sql`min(coalesce(${publisherKeys.revokedFrom}, ${entry.fromIndex}), ${entry.fromIndex})`,
      })
      .where(eq(publisherKeys.keyId, entry.keyId)),
    dropQueued(db, text),
  ]);
}

/** Puts exactly these advisories in force; of one that is none of them it is not known when it ended. */
export async function restoreAdvisories(
  db: Database,
  entries: readonly Advisory[],
  at: number,
): Promise<void> {
  const listed = rowsOf(entries);
  await db.batch([
    db
      .update(advisories)
      .set({ withdrawnAt: at })
      .where(
        sql`${advisories.withdrawnAt} IS NULL
          AND ${advisories.id} NOT IN (SELECT value ->> 'id' FROM ${listed})`,
      ),
    db
      .insert(advisories)
      .select(sql`SELECT value ->> 'id', value, NULL FROM ${listed} WHERE 1`)
      .onConflictDoUpdate({
        target: advisories.id,
        set: { entry: sql`excluded.entry`, withdrawnAt: null },
      }),
  ]);
}

/** Statements of a publisher that the database lacks, in the order in which a document has them. */
export async function restoreStatements(
  db: Database,
  publisher: string,
  statements: readonly Pick<typeof keyStatements.$inferSelect, "digest" | "envelope">[],
): Promise<void> {
  const next = sql`(SELECT coalesce(max(place), -1) + 1 FROM key_statements
    WHERE publisher = ${publisher})`;
  for (const { digest, envelope } of statements) {
    await db
      .insert(keyStatements)
      .select(
        sql`SELECT name, ${next}, ${digest}, ${JSON.stringify(envelope)} FROM publishers
          WHERE name = ${publisher}`,
      )
      .onConflictDoNothing();
  }
}

/** A plugin of the publisher that has a document. */
export async function findDocumented(db: Database, publisher: string): Promise<string | undefined> {
  const row = await db
    .select({ name: plugins.name })
    .from(plugins)
    .innerJoin(scopes, eq(scopes.scope, plugins.scope))
    .where(and(eq(scopes.publisher, publisher), sql`${plugins.documentSha256} IS NOT NULL`))
    .get();
  return row?.name;
}

export async function restoreMark(
  db: Database,
  { entry, text }: Logged<"yank" | "deprecate">,
  reason: string,
): Promise<void> {
  const { plugin, version } = entry;
  const kept = (column: SQL) => sql`coalesce(${column}, ${reason})`;
  const mark =
    entry.type === "yank"
      ? { yankedReason: entry.yanked ? kept(sql`${versions.yankedReason}`) : null }
      : { deprecatedReason: entry.deprecated ? kept(sql`${versions.deprecatedReason}`) : null };
  await db.batch([
    db
      .update(versions)
      .set(mark)
      .where(and(eq(versions.plugin, plugin), eq(versions.version, version))),
    bumpRevision(db, plugin, { now: Date.now() }),
    dropQueued(db, text),
  ]);
}

export async function restoreRemoval(
  db: Database,
  { entry, text }: Logged<"remove">,
): Promise<void> {
  const at = Date.parse(entry.at);
  await db.batch([
    db
      .update(plugins)
      .set({ removedAt: sql`coalesce(${plugins.removedAt}, ${at})` })
      .where(eq(plugins.name, entry.plugin)),
    bumpRevision(db, entry.plugin, { now: Date.now() }),
    dropQueued(db, text),
  ]);
}

export async function forgetQueued(db: Database, text: string): Promise<void> {
  await dropQueued(db, text);
}

/** The version for exactly these bytes, whatever the database has under its name. */
export async function restoreVersion(
  db: Database,
  row: Omit<Version, "yankedReason" | "deprecatedReason"> & { readonly scope: string },
): Promise<void> {
  const { scope, plugin, version, createdAt, ...rest } = row;
  const isThis = and(eq(versions.plugin, plugin), eq(versions.version, version));
  const owner = sql`(SELECT publisher FROM scopes WHERE scope = ${scope})`;
  await db.batch([
    // A release that was claimed since the database was set back moves to the end of the order.
    db
      .update(versions)
      .set({ seq: sql`(SELECT max(seq) + 1 FROM versions)` })
      .where(and(eq(versions.seq, row.seq ?? 0), sql`NOT (${isThis})`)),
    db
      .insert(plugins)
      .values({ name: plugin, scope, createdAt, updatedAt: createdAt })
      .onConflictDoNothing(),
    db
      .insert(versions)
      .values({ plugin, version, createdAt, ...rest })
      .onConflictDoUpdate({ target: [versions.plugin, versions.version], set: rest }),
    db
      .update(publishers)
      .set({ approvedAt: sql`coalesce(${publishers.approvedAt}, ${createdAt})` })
      .where(eq(publishers.name, owner)),
    db.delete(logQueue).where(and(eq(logQueue.plugin, plugin), eq(logQueue.version, version))),
    bumpRevision(db, plugin, { now: Date.now() }),
  ]);
}
