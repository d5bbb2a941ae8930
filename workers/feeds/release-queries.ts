import { and, desc, eq, isNull, sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import type { Database } from "../database.ts";
import { plugins, publishers, scopes, versions } from "../schema.ts";
import type { FeedRelease } from "./atom.ts";
import { changes } from "./tables.ts";

/** Releases of one feed; of a plugin's or a publisher's newest those that not everybody finds are left out. */
const RELEASES = 50;
/** The newest public releases that are looked at, since some of their plugins may have gone. */
const LOOKED_AT = 64;
/** Of a publisher with more scopes those count that published last. */
const SCOPES = 10;

type Named = { readonly plugin: string; readonly version: string };

/** The newest releases of all. */
export function listNewestReleases(db: Database): Promise<FeedRelease[]> {
  // Word for word the condition of the index `versions_offered`, which is read from its end.
  const newest = sql`(SELECT plugin, version FROM versions INDEXED BY versions_offered
    WHERE status = 'published' AND yanked_reason IS NULL
      AND coalesce(manifest ->> 'visibility', 'public') = 'public'
    ORDER BY seq DESC LIMIT ${LOOKED_AT}) AS newest`;
  const isNew = sql`(${versions.plugin}, ${versions.version}) = (newest.plugin, newest.version)`;
  return loadOffered(db, { from: newest, where: isNew });
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
function loadReleases(db: Database, wanted: readonly Named[]): Promise<FeedRelease[]> {
  const isWanted = sql`(${versions.plugin}, ${versions.version}) =
    (wanted.value ->> 'plugin', wanted.value ->> 'version')`;
  const from = sql`json_each(${JSON.stringify(wanted)}) AS wanted`;
  return loadOffered(db, { from, where: isWanted });
}

async function loadOffered(
  db: Database,
  { from, where }: { readonly from: SQL; readonly where: SQL },
): Promise<FeedRelease[]> {
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
    .from(from)
    // The joins keep this order, so that what is read follows from the releases alone.
    .crossJoin(versions)
    .crossJoin(plugins)
    .crossJoin(scopes)
    .crossJoin(publishers)
    .where(
      and(
        where,
        eq(plugins.name, versions.plugin),
        eq(scopes.scope, plugins.scope),
        eq(publishers.name, scopes.publisher),
        eq(versions.status, "published"),
        isNull(versions.yankedReason),
        isNull(plugins.removedAt),
        isPublic,
        eq(shown, "public"),
      ),
    )
    .orderBy(desc(versions.seq))
    .limit(RELEASES);
  return rows
    .map(({ publishedAt, ...row }) => ({ ...row, publishedAt: publishedAt ?? 0 }))
    .toSorted((a, b) => b.publishedAt - a.publishedAt);
}
