import { and, desc, eq, isNotNull, isNull, sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import type { Database } from "../database.ts";
import { plugins, publishers, scopes, versions } from "../schema.ts";
import type { FeedRelease } from "./atom.ts";
import { changes } from "./tables.ts";

/** Releases that are looked at for one feed; those that not everybody finds are left out of it. */
const RELEASES = 50;
/** Of a publisher with more scopes those count that published last. */
const SCOPES = 10;

type Named = { readonly plugin: string; readonly version: string };

/** The newest releases of all. */
export async function listNewestReleases(db: Database): Promise<FeedRelease[]> {
  const named = await db
    .select({ plugin: versions.plugin, version: versions.version })
    .from(versions)
    .where(isNotNull(versions.seq))
    .orderBy(desc(versions.seq))
    .limit(RELEASES);
  return loadReleases(db, named);
}

export async function listReleasesOfPlugin(db: Database, plugin: string): Promise<FeedRelease[]> {
  return loadReleases(db, named(await newestOf(db, eq(changes.plugin, plugin))));
}

/** Null when there is no such publisher. */
export async function listReleasesOfPublisher(
  db: Database,
  publisher: string,
): Promise<{ readonly displayName: string; readonly releases: FeedRelease[] } | null> {
  const newest = sql`(SELECT max(id) FROM changes WHERE changes.scope = ${scopes.scope})`;
  const [found, owned] = await db.batch([
    db
      .select({ displayName: publishers.displayName })
      .from(publishers)
      .where(eq(publishers.name, publisher)),
    db
      .select({ scope: scopes.scope })
      .from(scopes)
      .where(eq(scopes.publisher, publisher))
      .orderBy(desc(newest))
      .limit(SCOPES),
  ]);
  const [row] = found;
  if (row === undefined) return null;
  const lists = await Promise.all(owned.map(({ scope }) => newestOf(db, eq(changes.scope, scope))));
  const merged = lists
    .flat()
    .toSorted((a, b) => b.id - a.id)
    .slice(0, RELEASES);
  return { ...row, releases: await loadReleases(db, named(merged)) };
}

function newestOf(db: Database, where: SQL) {
  return db
    .select({ id: changes.id, plugin: changes.plugin, version: changes.version })
    .from(changes)
    .where(where)
    .orderBy(desc(changes.id))
    .limit(RELEASES);
}

function named(rows: Awaited<ReturnType<typeof newestOf>>): Named[] {
  return rows.flatMap(({ plugin, version }) =>
    plugin === null || version === null ? [] : [{ plugin, version }],
  );
}

/** Of these the ones that are listed and offered, of plugins that everybody finds now. */
async function loadReleases(db: Database, wanted: readonly Named[]): Promise<FeedRelease[]> {
  const shown = sql`(SELECT coalesce(manifest ->> 'visibility', 'public') FROM versions AS latest
    WHERE latest.plugin = ${plugins.name} AND latest.version = ${plugins.latest})`;
  const isPublic = sql`coalesce(${versions.manifest} ->> 'visibility', 'public') = 'public'`;
  const rows = await db
    .select({
      plugin: versions.plugin,
      version: versions.version,
      manifest: versions.manifest,
      publishedAt: versions.publishedAt,
      publisher: publishers.displayName,
    })
    .from(sql`json_each(${JSON.stringify(wanted)}) AS wanted`)
    .crossJoin(versions)
    .innerJoin(plugins, eq(plugins.name, versions.plugin))
    .innerJoin(scopes, eq(scopes.scope, plugins.scope))
    .innerJoin(publishers, eq(publishers.name, scopes.publisher))
    .where(
      and(
        eq(versions.plugin, sql`wanted.value ->> 'plugin'`),
        eq(versions.version, sql`wanted.value ->> 'version'`),
        eq(versions.status, "published"),
        isNull(versions.yankedReason),
        isNull(plugins.removedAt),
        isPublic,
        eq(shown, "public"),
      ),
    );
  return rows
    .map(({ publishedAt, ...row }) => ({ ...row, publishedAt: publishedAt ?? 0 }))
    .toSorted((a, b) => b.publishedAt - a.publishedAt);
}
