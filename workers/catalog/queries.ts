import { and, desc, eq, sql } from "drizzle-orm";
import type { Database } from "../database.ts";
import { plugins, versions } from "../schema.ts";
import type { Version } from "../schema.ts";

const LISTED = "published" as const;

/** Channels of a plugin that has something to show, and the manifest that it shows. */
export function findPlugin(db: Database, plugin: string) {
  return db
    .select({ channels: plugins.channels, manifest: versions.manifest })
    .from(plugins)
    .innerJoin(
      versions,
      and(eq(versions.plugin, plugins.name), eq(versions.version, sql`${plugins.latest}`)),
    )
    .where(and(eq(plugins.name, plugin), eq(versions.status, LISTED)))
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
  return { channels: owners[0]?.channels ?? {}, versions: rows };
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
  return { channels: owners[0]?.channels ?? {}, versions: rows };
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
  return db.select({ channels: plugins.channels }).from(plugins).where(eq(plugins.name, plugin));
}
