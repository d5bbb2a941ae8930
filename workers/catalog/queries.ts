import { and, desc, eq, inArray, isNull, sql } from "drizzle-orm";
import type { Database } from "../database.ts";
import { plugins, publisherKeys, publishers, scopes, scopeTransfers, versions } from "../schema.ts";
import type { Version } from "../schema.ts";
import { dependentCounts, pluginCounts } from "./tables.ts";

const LISTED = "published" as const;

/** A plugin that has something to show, in one row: what it shows, who owns it, what is counted of it. */
export function findPlugin(db: Database, plugin: string) {
  return db
    .select({
      channels: plugins.channels,
      createdAt: plugins.createdAt,
      updatedAt: plugins.updatedAt,
      shown: versions,
      publisher: {
        name: publishers.name,
        displayName: publishers.displayName,
        verified: publishers.verified,
      },
      keyEnrolledAt: publisherKeys.createdAt,
      to: scopeTransfers.toPublisher,
      effectiveAt: scopeTransfers.effectiveAt,
      dependents: { total: dependentCounts.total, top: dependentCounts.top },
      counts: {
        installs: pluginCounts.installs,
        downloads: pluginCounts.downloads,
        ratings: pluginCounts.ratings,
        stars: pluginCounts.stars,
      },
    })
    .from(plugins)
    .innerJoin(
      versions,
      and(eq(versions.plugin, plugins.name), eq(versions.version, sql`${plugins.latest}`)),
    )
    .innerJoin(scopes, eq(scopes.scope, plugins.scope))
    .innerJoin(publishers, eq(publishers.name, scopes.publisher))
    .innerJoin(publisherKeys, eq(publisherKeys.keyId, versions.publisherKeyId))
    .leftJoin(scopeTransfers, eq(scopeTransfers.scope, plugins.scope))
    .leftJoin(dependentCounts, eq(dependentCounts.plugin, plugins.name))
    .leftJoin(pluginCounts, eq(pluginCounts.plugin, plugins.name))
    .where(and(isThere(plugin), eq(versions.status, LISTED)))
    .get();
}

export type FoundPlugin = NonNullable<Awaited<ReturnType<typeof findPlugin>>>;

export interface Target {
  readonly plugin: string;
  readonly version: string;
}

export interface ListedVersions {
  /** False also of a plugin that has published nothing yet. */
  readonly isThere: boolean;
  readonly channels: Record<string, string>;
  /** Only the plugin's owner may see them. */
  readonly isPrivate: boolean;
  readonly versions: readonly Version[];
}

/** A version's place among those of its plugin: versions that differ in build metadata share a key. */
export interface VersionPlace {
  readonly sortKey: string;
  readonly version: string;
}

/** Published versions below a place, the highest first. */
export async function listVersions(
  db: Database,
  { plugin, below, limit }: { plugin: string; below: VersionPlace | null; limit: number },
): Promise<ListedVersions> {
  const isBelow =
    below === null
      ? undefined
      : sql`(${versions.sortKey}, ${versions.version}) < (${below.sortKey}, ${below.version})`;
  const [owners, rows] = await db.batch([
    selectOwner(db, plugin),
    db
      .select()
      .from(versions)
      .where(and(eq(versions.plugin, plugin), eq(versions.status, LISTED), isBelow))
      .orderBy(desc(versions.sortKey), desc(versions.version))
      .limit(limit),
  ]);
  return listed(owners, rows);
}

/** Of a plugin that was removed nothing is listed. */
function listed(owners: Owner[], rows: Version[]): ListedVersions {
  const [owner] = owners;
  if (owner === undefined) return { isThere: false, channels: {}, isPrivate: false, versions: [] };
  const { channels, latest, visibility } = owner;
  const isPrivate = visibility === "private";
  return { isThere: latest !== null, channels, isPrivate, versions: rows };
}

export function findListedVersion(
  db: Database,
  { plugin, version }: Target,
): Promise<ListedVersions> {
  return findListedVersions(db, { plugin, versions: [version] });
}

/** Those of a few versions that are published. */
export async function findListedVersions(
  db: Database,
  { plugin, versions: wanted }: { plugin: string; versions: readonly string[] },
): Promise<ListedVersions> {
  const [owners, rows] = await db.batch([
    selectOwner(db, plugin),
    db
      .select()
      .from(versions)
      .where(
        and(
          eq(versions.plugin, plugin),
          inArray(versions.version, [...wanted]),
          eq(versions.status, LISTED),
        ),
      ),
  ]);
  return listed(owners, rows);
}

/** The publishers that some keys belong to, by key id. */
export async function loadKeyHolders(
  db: Database,
  keyIds: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const rows = await db
    .select({ keyId: publisherKeys.keyId, publisher: publisherKeys.publisher })
    .from(publisherKeys)
    .where(inArray(publisherKeys.keyId, [...keyIds]));
  return new Map(rows.map(({ keyId, publisher }) => [keyId, publisher]));
}

/** A version whatever its state. */
export function findAnyVersion(
  db: Database,
  { plugin, version }: Target,
): Promise<Version | undefined> {
  return db
    .select()
    .from(versions)
    .where(and(eq(versions.plugin, plugin), eq(versions.version, version)))
    .get();
}

type Owner = Awaited<ReturnType<typeof selectOwner>>[number];

/** A plugin is as visible as the release that it shows; one from before there was a choice is public. */
export function selectOwner(db: Database, plugin: string) {
  const visibility = sql<string | null>`(SELECT manifest ->> 'visibility' FROM versions
    WHERE versions.plugin = ${plugin} AND versions.version = ${plugins.latest})`;
  return db
    .select({
      channels: plugins.channels,
      latest: plugins.latest,
      visibility: visibility.as("visibility"),
    })
    .from(plugins)
    .where(isThere(plugin));
}

function isThere(plugin: string) {
  return and(eq(plugins.name, plugin), isNull(plugins.removedAt));
}
