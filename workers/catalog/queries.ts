import { and, desc, eq, isNull, sql } from "drizzle-orm";
import type { Database } from "../database.ts";
import { plugins, scopeTransfers, versions } from "../schema.ts";
import type { Version } from "../schema.ts";

const LISTED = "published" as const;

/** Channels of a plugin that has something to show, the manifest that it shows, and who gets it soon. */
export function findPlugin(db: Database, plugin: string) {
  return db
    .select({
      channels: plugins.channels,
      manifest: versions.manifest,
      to: scopeTransfers.toPublisher,
      effectiveAt: scopeTransfers.effectiveAt,
    })
    .from(plugins)
    .innerJoin(
      versions,
      and(eq(versions.plugin, plugins.name), eq(versions.version, sql`${plugins.latest}`)),
    )
    .leftJoin(scopeTransfers, eq(scopeTransfers.scope, plugins.scope))
    .where(and(isThere(plugin), eq(versions.status, LISTED)))
    .get();
}

export interface Target {
  readonly plugin: string;
  readonly version: string;
}

export interface ListedVersions {
  readonly channels: Record<string, string>;
  /** Only the plugin's owner may see them. */
  readonly isPrivate: boolean;
  readonly versions: readonly Version[];
}

/** Published versions, the highest first. */
export async function listVersions(
  db: Database,
  { plugin, limit }: { plugin: string; limit: number },
): Promise<ListedVersions> {
  const [owners, rows] = await db.batch([
    selectOwner(db, plugin),
    db
      .select()
      .from(versions)
      .where(and(eq(versions.plugin, plugin), eq(versions.status, LISTED)))
      .orderBy(desc(versions.sortKey))
      .limit(limit),
  ]);
  return listed(owners, rows);
}

/** Of a plugin that was removed nothing is listed. */
function listed(owners: Owner[], rows: Version[]): ListedVersions {
  const [owner] = owners;
  if (owner === undefined) return { channels: {}, isPrivate: false, versions: [] };
  const { channels, visibility } = owner;
  return { channels, isPrivate: visibility === "private", versions: rows };
}

export async function findListedVersion(
  db: Database,
  { plugin, version }: Target,
): Promise<ListedVersions> {
  const [owners, rows] = await db.batch([
    selectOwner(db, plugin),
    db
      .select()
      .from(versions)
      .where(
        and(
          eq(versions.plugin, plugin),
          eq(versions.version, version),
          eq(versions.status, LISTED),
        ),
      ),
  ]);
  return listed(owners, rows);
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
function selectOwner(db: Database, plugin: string) {
  const visibility = sql<string | null>`(SELECT manifest ->> 'visibility' FROM versions
    WHERE versions.plugin = ${plugin} AND versions.version = ${plugins.latest})`;
  return db
    .select({ channels: plugins.channels, visibility: visibility.as("visibility") })
    .from(plugins)
    .where(isThere(plugin));
}

function isThere(plugin: string) {
  return and(eq(plugins.name, plugin), isNull(plugins.removedAt));
}
