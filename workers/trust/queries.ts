import { RbsmError } from "@rising-bsm/protocol";
import type { LogEntry, TrustState } from "@rising-bsm/protocol";
import { and, asc, eq, inArray, isNotNull, isNull, like, or, sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import { auditIf } from "../audit.ts";
import type { Database } from "../database.ts";
import { queueLogEntry } from "../log/queries.ts";
import {
  advisories,
  catalogChanges,
  catalogTargets,
  heads,
  plugins,
  trustFiles,
  trustRoles,
} from "../schema.ts";
import type { AuditEntry, CatalogTarget, TrustRole } from "../schema.ts";
import type { RolesInForce } from "./plan-publication.ts";

/** What decides whether anything has to be signed, as of one moment. */
export async function loadPublication(db: Database) {
  const [found, roles, waiting, changes] = await db.batch([
    db.select().from(heads),
    db.select().from(trustRoles),
    db
      .select({ key: trustFiles.key, content: trustFiles.content })
      .from(trustFiles)
      .where(sql`${trustFiles.stored} = 0`),
    db.select().from(catalogChanges).orderBy(asc(catalogChanges.target)),
  ]);
  const [head] = found;
  if (head === undefined) throw new RbsmError("internal", "The database has no heads");
  return { heads: head, roles: byRole(roles), waiting, changes };
}

export type Publication = Awaited<ReturnType<typeof loadPublication>>;

export async function loadRoles(db: Database): Promise<RolesInForce> {
  return byRole(await db.select().from(trustRoles));
}

/** For people and monitors. */
export async function loadTrustState(db: Database): Promise<TrustState> {
  const [found, roles] = await db.batch([
    db.select({ logSize: heads.logSize }).from(heads),
    db.select().from(trustRoles),
  ]);
  const shown = roles.map(({ role, version, sha256, expiresAt }) => {
    return [role, { version, sha256, expiresAt: new Date(expiresAt).toISOString() }] as const;
  });
  return { roles: Object.fromEntries(shown), logSize: found[0]?.logSize ?? 0 };
}

function byRole(roles: readonly TrustRole[]): RolesInForce {
  return Object.fromEntries(roles.map((role) => [role.role, role]));
}

/** The files that the next ceremony's are held against: all roots, and the targets in force. */
export async function loadInForce(db: Database): Promise<Map<string, string>> {
  const targets = db
    .select({ key: sql`'tuf/' || ${trustRoles.version} || '.targets.json'` })
    .from(trustRoles)
    .where(eq(trustRoles.role, "targets"));
  const rows = await db
    .select({ key: trustFiles.key, content: trustFiles.content })
    .from(trustFiles)
    .where(or(like(trustFiles.key, "tuf/%.root.json"), inArray(trustFiles.key, targets)));
  return new Map(rows.map(({ key, content }) => [key, content]));
}

export interface AcceptedTrust {
  readonly files: readonly { readonly key: string; readonly content: string }[];
  readonly roles: readonly TrustRole[];
  readonly entries: readonly LogEntry[];
  readonly audit: AuditEntry;
}

/**
 * Puts what a ceremony made in force: files, versions, what the log is to say and the audit row, all
 * or nothing. A trigger refuses it when a newer upload has come between.
 */
export async function storeTrust(db: Database, accepted: AcceptedTrust): Promise<void> {
  const { files, roles, entries, audit } = accepted;
  const rows = sql`json_each(${JSON.stringify(files)})`;
  const isNews = sql`EXISTS (SELECT 1 FROM ${rows} AS file
    WHERE file.value ->> 'key' NOT IN (SELECT ${trustFiles.key} FROM ${trustFiles}))`;
  await db.batch([
    auditIf(db, audit, isNews),
    ...entries.map((entry) => queueLogEntry(db, entry, isNews)),
    putRoles(db, roles, sql`1`),
    db
      .insert(trustFiles)
      .select(sql`SELECT value ->> 'key', value ->> 'content', 0 FROM ${rows} WHERE 1`)
      .onConflictDoNothing(),
  ]);
}

/** Documents by shard, of these shards alone. */
export function loadShards(db: Database, shards: readonly string[]) {
  return db
    .select({ shard: plugins.shard, name: plugins.name, sha256: plugins.documentSha256 })
    .from(plugins)
    .where(and(isOneOf(plugins.shard, shards), isNotNull(plugins.documentSha256)))
    .orderBy(asc(plugins.shard), asc(plugins.name));
}

/** The advisories in force. */
export function loadAdvisories(db: Database) {
  return db
    .select({ entry: advisories.entry })
    .from(advisories)
    .where(isNull(advisories.withdrawnAt))
    .orderBy(asc(advisories.id));
}

/** The catalogue's targets as they were last written. */
export function loadTargets(db: Database): Promise<CatalogTarget[]> {
  return db.select().from(catalogTargets).orderBy(asc(catalogTargets.target));
}

export function loadTargetsNamed(
  db: Database,
  targets: readonly string[],
): Promise<CatalogTarget[]> {
  return db.select().from(catalogTargets).where(isOneOf(catalogTargets.target, targets));
}

function isOneOf(
  column: typeof plugins.shard | typeof catalogTargets.target,
  names: readonly string[],
) {
  return sql`${column} IN (SELECT value FROM json_each(${JSON.stringify(names)}))`;
}

/** Takes the number for one publication; false when somebody else moved the heads first. */
export async function takeVersion(
  db: Database,
  { revision, version }: { revision: number; version: number },
): Promise<boolean> {
  const taken = await db
    .update(heads)
    .set({ revision: revision + 1, tufVersion: version })
    .where(eq(heads.revision, revision));
  return taken.meta.changes > 0;
}

export interface Change {
  readonly target: string;
  readonly changes: number;
}

/** Forgets changes that were made into targets; one that was made meanwhile stays. */
function forgetChanges(db: Database, changes: readonly Change[], onlyIf: SQL) {
  const done = sql`SELECT 1 FROM json_each(${JSON.stringify(changes)}) AS done
    WHERE done.value ->> 'target' = ${catalogChanges.target}
    AND done.value ->> 'changes' = ${catalogChanges.changes}`;
  return db.delete(catalogChanges).where(and(onlyIf, sql`EXISTS (${done})`));
}

/** For changes after which every target is as it was, unless the heads have moved on since. */
export async function dropChanges(
  db: Database,
  { heads: { revision }, changes }: Pick<Publication, "heads" | "changes">,
): Promise<void> {
  const isCurrent = sql`(SELECT ${heads.revision} FROM ${heads}) = ${revision}`;
  if (changes.length > 0) await forgetChanges(db, changes, isCurrent);
}

/** What a publication wrote. */
export interface Published {
  readonly version: number;
  readonly roles: readonly TrustRole[];
  readonly targets: readonly CatalogTarget[];
  /** Targets that have nothing left to list. */
  readonly emptied: readonly string[];
  readonly changes: readonly Change[];
  readonly files: readonly string[];
}

/** Records it; nothing at all when somebody else has begun a newer one, which does the same again. */
export async function recordPublication(db: Database, published: Published): Promise<void> {
  const { version, changes, emptied, files } = published;
  const isNewest = sql`(SELECT ${heads.tufVersion} FROM ${heads}) = ${version}`;
  const rows = (values: readonly unknown[]) => sql`json_each(${JSON.stringify(values)}) AS row`;
  await db.batch([
    db
      .insert(catalogTargets)
      .select(
        sql`SELECT value ->> 'target', value ->> 'length', value ->> 'sha256', value ->> 'catalogVersion'
        FROM ${rows(published.targets)} WHERE ${isNewest}`,
      )
      .onConflictDoUpdate({
        target: catalogTargets.target,
        set: {
          length: sql`excluded.length`,
          sha256: sql`excluded.sha256`,
          catalogVersion: sql`excluded.catalog_version`,
        },
      }),
    db.delete(catalogTargets).where(and(isNewest, isOneOf(catalogTargets.target, emptied))),
    forgetChanges(db, changes, isNewest),
    db
      .update(trustFiles)
      .set({ stored: true })
      .where(and(isNewest, sql`${trustFiles.key} IN (SELECT value FROM ${rows(files)})`)),
    putRoles(db, published.roles, isNewest),
  ]);
}

/** A statement that puts metadata in force; a trigger refuses what is older than what there is. */
export function putRoles(db: Database, roles: readonly TrustRole[], onlyIf: SQL) {
  return db
    .insert(trustRoles)
    .select(
      sql`SELECT value ->> 'role', value ->> 'version', value ->> 'length', value ->> 'sha256',
      value ->> 'expiresAt', value -> 'keyIds'
      FROM json_each(${JSON.stringify(roles)}) WHERE ${onlyIf}`,
    )
    .onConflictDoUpdate({
      target: trustRoles.role,
      set: {
        version: sql`excluded.version`,
        length: sql`excluded.length`,
        sha256: sql`excluded.sha256`,
        expiresAt: sql`excluded.expires_at`,
        keyIds: sql`excluded.key_ids`,
      },
    });
}
