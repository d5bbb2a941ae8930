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
  readonly versions: readonly Version[];
}

/** Published versions, the highest first. */
export async function listVersions(
  db: Database,
  { plugin, limit }: { plugin: string; limit: number },
): Promise<ListedVersions> {
  const [owners, rows] = await db.batch([
    selectChannels(db, plugin),
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
function listed(owners: { channels: Record<string, string> }[], rows: Version[]): ListedVersions {
  const [owner] = owners;
  return owner === undefined ? { channels: {}, versions: [] } : { ...owner, versions: rows };
}

export async function findListedVersion(
  db: Database,
  { plugin, version }: Target,
): Promise<ListedVersions> {
  const [owners, rows] = await db.batch([
    selectChannels(db, plugin),
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

function selectChannels(db: Database, plugin: string) {
  return db.select({ channels: plugins.channels }).from(plugins).where(isThere(plugin));
}

function isThere(plugin: string) {
  return and(eq(plugins.name, plugin), isNull(plugins.removedAt));
}
