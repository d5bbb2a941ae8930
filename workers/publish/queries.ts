import { foldName, splitPluginName } from "@rising-bsm/protocol";
import { and, desc, eq, inArray, isNotNull, sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import { auditIf } from "../audit.ts";
import type { Database } from "../database.ts";
import { queueLogEntry } from "../log/queries.ts";
import { bumpRevision } from "../release/queries.ts";
import { channels, plugins, publisherKeys, publishers, scopes, versions } from "../schema.ts";
import type { AuditEntry, Version } from "../schema.ts";

export interface Target {
  readonly plugin: string;
  readonly version: string;
}

/** What a version takes in the document at most: its digests and numbers, and parts of its manifest. */
const LISTED_BYTES = sql`700 + length(CAST(json_extract(manifest, '$.permissions', '$.network',
  '$.dependencies', '$.engines') || coalesce(yanked_reason, '') || coalesce(deprecated_reason, '') AS BLOB))`;

/** Who owns the scope, with which keys, and what is there of the plugin already. */
export async function loadPublishFacts(
  db: Database,
  { scope, plugin, version }: Target & { scope: string },
) {
  const [owners, keys, existing, previous, removals, admitted, sizes] = await db.batch([
    db
      .select({ publisher: publishers.name, approvedAt: publishers.approvedAt })
      .from(scopes)
      .innerJoin(publishers, eq(publishers.name, scopes.publisher))
      .where(eq(scopes.scope, scope)),
    db
      .select({
        keyId: publisherKeys.keyId,
        publicKey: publisherKeys.publicKey,
        revokedAt: publisherKeys.revokedAt,
      })
      .from(publisherKeys)
      .innerJoin(scopes, eq(scopes.publisher, publisherKeys.publisher))
      .where(eq(scopes.scope, scope)),
    selectVersion(db, { plugin, version }),
    db
      .select({ manifest: versions.manifest })
      .from(versions)
      .where(and(eq(versions.plugin, plugin), inArray(versions.status, ["released", "published"])))
      .orderBy(desc(versions.sortKey))
      .limit(1),
    selectRemoval(db, plugin),
    db
      .select({ version: versions.version })
      .from(versions)
      .where(and(eq(versions.plugin, plugin), isNotNull(versions.seq)))
      .limit(1),
    db
      .select({
        listed: sql<number>`total(${LISTED_BYTES})`.as("listed"),
        manifests: sql<number>`total(length(CAST(manifest AS BLOB)))`.as("manifests"),
      })
      .from(versions)
      .where(eq(versions.plugin, plugin)),
  ]);
  return {
    owner: owners[0],
    keys,
    existing: existing[0],
    previous: previous[0],
    removedAt: removals[0]?.removedAt ?? null,
    /** Bytes that the plugin's versions take in its document, and in the database. */
    sizes: sizes[0] ?? { listed: 0, manifests: 0 },
    /** Whether a release of this name was ever let in, so that nobody has to decide on the name. */
    isNameAdmitted: admitted.length > 0,
  };
}

function selectRemoval(db: Database, plugin: string) {
  return db.select({ removedAt: plugins.removedAt }).from(plugins).where(eq(plugins.name, plugin));
}

/** When the plugin was removed; null when it was not. */
export async function findRemoval(db: Database, plugin: string): Promise<number | null> {
  return (await selectRemoval(db, plugin).get())?.removedAt ?? null;
}

/** The key that signed the version, and who has the scope that it is for. */
export function findSigner(db: Database, target: Target) {
  return db
    .select({
      signer: publisherKeys.publisher,
      revokedAt: publisherKeys.revokedAt,
      owner: scopes.publisher,
    })
    .from(versions)
    .innerJoin(publisherKeys, eq(publisherKeys.keyId, versions.publisherKeyId))
    .innerJoin(plugins, eq(plugins.name, versions.plugin))
    .innerJoin(scopes, eq(scopes.scope, plugins.scope))
    .where(rowOf(target))
    .get();
}

function selectVersion(db: Database, target: Target) {
  return db.select().from(versions).where(rowOf(target));
}

function rowOf({ plugin, version }: Target) {
  return and(eq(versions.plugin, plugin), eq(versions.version, version));
}

export function findVersion(db: Database, target: Target): Promise<Version | undefined> {
  return selectVersion(db, target).get();
}

const nextSeq = sql<number>`(SELECT coalesce(max(seq), 0) + 1 FROM ${versions})`;

export type NewVersion = Omit<
  Version,
  "seq" | "yankedReason" | "deprecatedReason" | "publishedAt" | "statement" | "logIndex" | "details"
>;

/**
 * Claims the version for these bytes. Of two claims one inserts and both read the same row back; an
 * admitted release gets its place in the order in the same statement, and a trigger queues it for the log.
 */
export async function claimVersion(
  db: Database,
  { row, scope }: { row: NewVersion; scope: string },
  entry: AuditEntry,
): Promise<{ created: boolean; row: Version | undefined }> {
  const isAdmitted = row.status === "publishing";
  const { plugin: name, createdAt: at } = row;
  const fold = foldName(splitPluginName(name).name);
  const isNew = sql`NOT ${thatVersion(row)}`;
  const [, , inserted, found] = await db.batch([
    auditIf(db, entry, isNew),
    db
      .insert(plugins)
      .values({ name, scope, fold, createdAt: at, updatedAt: at })
      .onConflictDoNothing(),
    db
      .insert(versions)
      .values({ ...row, ...(isAdmitted ? { seq: nextSeq, publishedAt: row.createdAt } : {}) })
      .onConflictDoNothing({ target: [versions.plugin, versions.version] }),
    selectVersion(db, row),
  ]);
  return { created: inserted.meta.changes > 0, row: found[0] };
}

/** That the version exists, and that all of this is true of it. */
function thatVersion({ plugin, version }: Target, facts: SQL = sql`1`): SQL {
  return sql`EXISTS (SELECT 1 FROM versions
    WHERE plugin = ${plugin} AND version = ${version} AND ${facts})`;
}

/** Gives a release in review its place in the order; an appeal can bring a rejected one back. */
export async function approveVersion(
  db: Database,
  { at, ...target }: Target & { at: number },
  entry: AuditEntry,
): Promise<void> {
  const isUndecided = thatVersion(target, sql`status IN ('in_review', 'rejected')`);
  const owner = sql`(SELECT publisher FROM scopes JOIN plugins USING (scope)
    WHERE plugins.name = ${target.plugin})`;
  await db.batch([
    auditIf(db, entry, isUndecided),
    db
      .update(publishers)
      .set({ approvedAt: sql`coalesce(${publishers.approvedAt}, ${at})` })
      .where(and(eq(publishers.name, owner), isUndecided)),
    db
      .update(versions)
      .set({ status: "publishing", statusReason: null, seq: nextSeq, publishedAt: at })
      .where(and(rowOf(target), isUndecided)),
  ]);
}

export async function rejectVersion(
  db: Database,
  { reason, ...target }: Target & { reason: string },
  entry: AuditEntry,
): Promise<void> {
  const isNews = thatVersion(
    target,
    sql`(status = 'in_review' OR status = 'rejected' AND status_reason IS NOT ${reason})`,
  );
  await db.batch([
    auditIf(db, entry, isNews),
    db
      .update(versions)
      .set({ status: "rejected", statusReason: reason })
      .where(and(rowOf(target), isNews)),
  ]);
}

/** One of the two marks; null takes it away again. */
export type Mark =
  | { readonly yankedReason: string | null }
  | { readonly deprecatedReason: string | null };

function described(mark: Mark) {
  return "yankedReason" in mark
    ? {
        logged: { type: "yank" as const, yanked: mark.yankedReason !== null },
        column: sql`yanked_reason`,
        reason: mark.yankedReason,
      }
    : {
        logged: { type: "deprecate" as const, deprecated: mark.deprecatedReason !== null },
        column: sql`deprecated_reason`,
        reason: mark.deprecatedReason,
      };
}

export async function markVersion(
  db: Database,
  { mark, ...target }: Target & { mark: Mark },
  entry: AuditEntry,
): Promise<void> {
  const { logged, column, reason } = described(mark);
  const isNews = thatVersion(target, sql`${column} IS NOT ${reason}`);
  // Reasons are not logged, so another reason alone is nothing new to the log.
  const isLogged = thatVersion(target, sql`(${column} IS NULL) <> ${Number(reason === null)}`);
  const at = new Date(entry.at).toISOString();
  const { plugin, version } = target;
  await db.batch([
    auditIf(db, entry, isNews),
    queueLogEntry(db, { ...logged, plugin, version, at }, isLogged),
    bumpRevision(db, target.plugin, { now: entry.at, onlyIf: isNews }),
    db.update(versions).set(mark).where(rowOf(target)),
  ]);
}

export async function moveChannel(
  db: Database,
  { plugin, version, channel }: Target & { channel: string },
  entry: AuditEntry,
): Promise<void> {
  const atSeq = sql<number>`(SELECT coalesce(max(seq), 0) FROM ${versions})`;
  const isNews = sql`NOT EXISTS (SELECT 1 FROM channels WHERE plugin = ${plugin}
    AND channel = ${channel} AND version = ${version} AND at_seq = ${atSeq})`;
  await db.batch([
    auditIf(db, entry, isNews),
    bumpRevision(db, plugin, { now: entry.at, onlyIf: isNews }),
    db
      .insert(channels)
      .values({ plugin, channel, version, atSeq })
      .onConflictDoUpdate({ target: [channels.plugin, channels.channel], set: { version, atSeq } }),
  ]);
}

/** What waits for a person, the oldest first. */
export function listInReview(db: Database, limit: number): Promise<Version[]> {
  return db
    .select()
    .from(versions)
    .where(eq(versions.status, "in_review"))
    .orderBy(versions.createdAt)
    .limit(limit);
}
