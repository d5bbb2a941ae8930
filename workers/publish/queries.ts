import { and, desc, eq, inArray, isNull, sql } from "drizzle-orm";
import type { Database } from "../database.ts";
import { bumpRevision } from "../release/queries.ts";
import {
  audit,
  channels,
  plugins,
  publisherKeys,
  publishers,
  scopes,
  versions,
} from "../schema.ts";
import type { AuditEntry, Version } from "../schema.ts";

export interface Target {
  readonly plugin: string;
  readonly version: string;
}

/** Who owns the scope, with which keys, and what is there of the plugin already. */
export async function loadPublishFacts(
  db: Database,
  { scope, plugin, version }: Target & { scope: string },
) {
  const [owners, keys, existing, previous] = await db.batch([
    db
      .select({ publisher: publishers.name, approvedAt: publishers.approvedAt })
      .from(scopes)
      .innerJoin(publishers, eq(publishers.name, scopes.publisher))
      .where(eq(scopes.scope, scope)),
    db
      .select({ keyId: publisherKeys.keyId, publicKey: publisherKeys.publicKey })
      .from(publisherKeys)
      .innerJoin(scopes, eq(scopes.publisher, publisherKeys.publisher))
      .where(and(eq(scopes.scope, scope), isNull(publisherKeys.revokedAt))),
    selectVersion(db, { plugin, version }),
    db
      .select({ manifest: versions.manifest })
      .from(versions)
      .where(and(eq(versions.plugin, plugin), inArray(versions.status, ["released", "published"])))
      .orderBy(desc(versions.sortKey))
      .limit(1),
  ]);
  return { owner: owners[0], keys, existing: existing[0], previous: previous[0] };
}

function selectVersion(db: Database, { plugin, version }: Target) {
  return db
    .select()
    .from(versions)
    .where(and(eq(versions.plugin, plugin), eq(versions.version, version)));
}

export function findVersion(db: Database, target: Target): Promise<Version | undefined> {
  return selectVersion(db, target).get();
}

const nextSeq = sql<number>`(SELECT coalesce(max(seq), 0) + 1 FROM ${versions})`;

export type NewVersion = Omit<
  Version,
  "statusReason" | "seq" | "yankedReason" | "deprecatedReason" | "publishedAt"
>;

/**
 * Claims the version for these bytes. Of two claims one inserts and both read the same row back; an
 * admitted release gets its place in the order in the same statement.
 */
export async function claimVersion(
  db: Database,
  { row, scope }: { row: NewVersion; scope: string },
  entry: AuditEntry,
): Promise<{ created: boolean; row: Version | undefined }> {
  const isAdmitted = row.status === "publishing";
  const [, inserted, , found] = await db.batch([
    db
      .insert(plugins)
      .values({ name: row.plugin, scope, createdAt: row.createdAt, updatedAt: row.createdAt })
      .onConflictDoNothing(),
    db
      .insert(versions)
      .values({ ...row, ...(isAdmitted ? { seq: nextSeq, publishedAt: row.createdAt } : {}) })
      .onConflictDoNothing({ target: [versions.plugin, versions.version] }),
    insertAuditOnce(db, entry),
    selectVersion(db, row),
  ]);
  return { created: inserted.meta.changes > 0, row: found[0] };
}

/** One line however often the upload is repeated. */
function insertAuditOnce(db: Database, entry: AuditEntry) {
  const { at, actor, action, subject, requestId, detail = {} } = entry;
  return db.insert(audit).select(
    sql`SELECT NULL, ${at}, ${actor}, ${action}, ${subject}, ${JSON.stringify(detail)}, ${requestId}
      WHERE NOT EXISTS (SELECT 1 FROM ${audit} WHERE subject = ${subject} AND action = ${action})`,
  );
}

/** Gives a release in review its place in the order; an appeal can bring a rejected one back. */
export async function approveVersion(
  db: Database,
  { plugin, version, at }: Target & { at: number },
  entry: AuditEntry,
): Promise<void> {
  const row = and(eq(versions.plugin, plugin), eq(versions.version, version));
  await db.batch([
    db
      .update(versions)
      .set({ status: "publishing", statusReason: null, seq: nextSeq, publishedAt: at })
      .where(and(row, inArray(versions.status, ["in_review", "rejected"]))),
    db.update(publishers).set({ approvedAt: sql`coalesce(${publishers.approvedAt}, ${at})` })
      .where(sql`${publishers.name} = (SELECT publisher FROM ${scopes} JOIN ${plugins} USING (scope)
        WHERE ${plugins.name} = ${plugin})`),
    db.insert(audit).values(entry),
  ]);
}

export async function rejectVersion(
  db: Database,
  { plugin, version, reason }: Target & { reason: string },
  entry: AuditEntry,
): Promise<void> {
  const row = and(eq(versions.plugin, plugin), eq(versions.version, version));
  await db.batch([
    db
      .update(versions)
      .set({ status: "rejected", statusReason: reason })
      .where(and(row, inArray(versions.status, ["in_review", "rejected"]))),
    db.insert(audit).values(entry),
  ]);
}

/** Null takes the mark away again. */
export async function markVersion(
  db: Database,
  {
    plugin,
    version,
    marks,
  }: Target & { marks: Pick<Partial<Version>, "yankedReason" | "deprecatedReason"> },
  entry: AuditEntry,
): Promise<void> {
  const row = and(eq(versions.plugin, plugin), eq(versions.version, version));
  await db.batch([
    db.update(versions).set(marks).where(row),
    bumpRevision(db, plugin, entry.at),
    db.insert(audit).values(entry),
  ]);
}

export async function moveChannel(
  db: Database,
  { plugin, version, channel }: Target & { channel: string },
  entry: AuditEntry,
): Promise<void> {
  const atSeq = sql<number>`(SELECT coalesce(max(seq), 0) FROM ${versions})`;
  await db.batch([
    db
      .insert(channels)
      .values({ plugin, channel, version, atSeq })
      .onConflictDoUpdate({ target: [channels.plugin, channels.channel], set: { version, atSeq } }),
    bumpRevision(db, plugin, entry.at),
    db.insert(audit).values(entry),
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
