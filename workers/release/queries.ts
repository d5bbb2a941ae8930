import {
  and,
  asc,
  desc,
  eq,
  gt,
  inArray,
  isNotNull,
  isNull,
  lt,
  lte,
  ne,
  not,
  or,
  sql,
} from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import { dependentStatements } from "../catalog/dependents-queries.ts";
import { pluginCounts } from "../catalog/tables.ts";
import type { Database } from "../database.ts";
import {
  channels,
  keyStatements,
  plugins,
  publisherKeys,
  publishers,
  scopes,
  versions,
} from "../schema.ts";
import type { Version, VersionStatus } from "../schema.ts";

/** Each costs up to ten calls to databases and buckets (`PASSES_A_REQUEST` in log/advance.ts). */
const RELEASES_AT_ONCE = 32;
const PLUGINS_AT_ONCE = 24;
/** Each costs one call, and holds a manifest in memory. */
const LISTINGS_AT_ONCE = 48;

/** In place of the revision that search shows: copies of pages may not show it any more either. */
export const WITHDRAWN = -1;

/** In this form the index of unfinished versions serves the query. */
const isUnfinished = inArray(versions.status, ["publishing", "released"]);

/**
 * Versions that have their place in the log and whose files are not served yet. The newest come
 * first: what could not be finished before does not keep them waiting.
 */
export function listIntegrated(db: Database, first: string | undefined): Promise<Version[]> {
  return db
    .select()
    .from(versions)
    .where(and(isUnfinished, eq(versions.status, "publishing"), isNotNull(versions.logIndex)))
    .orderBy(desc(eq(versions.plugin, first ?? "")), desc(versions.logIndex))
    .limit(RELEASES_AT_ONCE);
}

export async function markReleased(
  db: Database,
  rows: readonly Pick<Version, "plugin" | "version">[],
  now: Date,
): Promise<void> {
  const named = JSON.stringify(rows.map(({ plugin, version }) => ({ plugin, version })));
  await db.batch([
    db
      .update(versions)
      .set({ status: "released" })
      .where(
        and(
          sql`(plugin, version) IN (SELECT value ->> 'plugin', value ->> 'version'
            FROM json_each(${named}))`,
          eq(versions.status, "publishing"),
        ),
      ),
    bumpRevisions(db, sql`SELECT value ->> 'plugin' FROM json_each(${named})`, now.getTime()),
  ]);
}

/** Says that what the plugin shows has changed, so that document and search row are made again. */
export function bumpRevision(
  db: Database,
  plugin: string,
  { now, onlyIf = sql`1` }: { now: number; onlyIf?: SQL },
) {
  return bumpRevisions(db, sql`SELECT ${plugin} WHERE ${onlyIf}`, now);
}

function bumpRevisions(db: Database, names: SQL, now: number) {
  return db
    .update(plugins)
    .set({
      revision: sql`${plugins.revision} + 1`,
      updatedAt: sql`max(${plugins.updatedAt} + 1, ${now})`,
    })
    .where(sql`${plugins.name} IN (${names})`);
}

/** Has the search rows of the publisher's plugins made again; their documents do not name what changed. */
export function relistPlugins(
  db: Database,
  publisher: string,
  { isWithdrawn, onlyIf }: { isWithdrawn: boolean; onlyIf: SQL },
) {
  const owned = db
    .select({ scope: scopes.scope })
    .from(scopes)
    .where(eq(scopes.publisher, publisher));
  return db
    .update(plugins)
    .set({
      revision: sql`${plugins.revision} + 1`,
      // A document that is behind stays so.
      documentRevision: sql`${plugins.documentRevision}
        + (${plugins.documentRevision} = ${plugins.revision})`,
      searchRevision: isWithdrawn ? WITHDRAWN : plugins.searchRevision,
      // The row from before may be written late, and does not replace a newer one.
      updatedAt: sql`${plugins.updatedAt} + 1`,
    })
    .where(and(inArray(plugins.scope, owned), isNotNull(plugins.latest), onlyIf));
}

const SERVED: VersionStatus[] = ["released", "published"];

/** Everything the public document is made of, as of one moment. */
export async function loadDocumentFacts(db: Database, plugin: string) {
  const publisher = sql`(SELECT scopes.publisher FROM plugins JOIN scopes USING (scope)
    WHERE plugins.name = ${plugin})`;
  const [pluginRows, versionRows, keys, statements, pins] = await db.batch([
    selectOwner(db, plugin),
    db
      .select()
      .from(versions)
      .where(and(eq(versions.plugin, plugin), inArray(versions.status, SERVED)))
      .orderBy(desc(versions.sortKey)),
    db
      .select({
        keyId: publisherKeys.keyId,
        publicKey: publisherKeys.publicKey,
        revokedFrom: publisherKeys.revokedFrom,
      })
      .from(publisherKeys)
      .where(
        and(
          eq(publisherKeys.publisher, publisher),
          or(isNull(publisherKeys.revokedAt), isNotNull(publisherKeys.revokedFrom)),
        ),
      )
      .orderBy(asc(publisherKeys.createdAt), asc(publisherKeys.keyId)),
    db
      .select({ envelope: keyStatements.envelope })
      .from(keyStatements)
      .where(eq(keyStatements.publisher, publisher))
      .orderBy(asc(keyStatements.place)),
    db.select().from(channels).where(eq(channels.plugin, plugin)),
  ]);
  return { owner: pluginRows[0], versions: versionRows, keys, statements, pins };
}

/** A batch gives rows by column name, so the two names need two. */
function selectOwner(db: Database, plugin: string) {
  return db
    .select({
      publisher: publishers.name,
      displayName: publishers.displayName,
      verified: publishers.verified,
      recovery: publishers.recoveryHash,
      removedAt: plugins.removedAt,
      revision: plugins.revision,
      documentRevision: plugins.documentRevision,
      searchRevision: plugins.searchRevision,
      latest: plugins.latest,
      updatedAt: plugins.updatedAt,
    })
    .from(plugins)
    .innerJoin(scopes, eq(scopes.scope, plugins.scope))
    .innerJoin(publishers, eq(publishers.name, scopes.publisher))
    .where(eq(plugins.name, plugin));
}

export type Owner = Awaited<ReturnType<typeof selectOwner>>[number];
export type DocumentFacts = Awaited<ReturnType<typeof loadDocumentFacts>>;
export type ListingFacts = Awaited<ReturnType<typeof selectListingFacts>>[number];

export interface WrittenDocument {
  readonly plugin: string;
  readonly revision: number;
  readonly listed: readonly string[];
  readonly latest: string | null;
  readonly channels: Record<string, string>;
  readonly shard: string;
  /** Null takes the plugin out of the catalogue. */
  readonly sha256: string | null;
  /** What it needs, by name and range, as far as everybody may see that. */
  readonly needs: Readonly<Record<string, string>>;
}

/** Only versions that the written document holds become `published`, and only a newer one counts. */
export async function markDocumented(db: Database, document: WrittenDocument): Promise<void> {
  const { plugin, revision, listed, needs } = document;
  const isListed = sql`${versions.version} IN (SELECT value FROM json_each(${JSON.stringify(listed)}))`;
  await db.batch([
    db
      .update(versions)
      .set({ status: "published" })
      .where(and(eq(versions.plugin, plugin), eq(versions.status, "released"), isListed)),
    ...dependentStatements(db, { plugin, revision, ranges: needs }),
    db
      .update(plugins)
      .set({
        documentRevision: revision,
        latest: document.latest,
        channels: document.channels,
        shard: document.shard,
        documentSha256: document.sha256,
      })
      .where(and(eq(plugins.name, plugin), lt(plugins.documentRevision, revision))),
  ]);
}

/** Plugins as the catalogue lists them, in the order of their names. */
function selectListingFacts(db: Database) {
  const published = sql`FROM versions v WHERE v.plugin = plugins.name AND v.status = 'published'`;
  const counts = {
    installs: sql<number>`coalesce(plugin_counts.installs, 0)`,
    downloads: sql<number>`coalesce(plugin_counts.downloads, 0)`,
    trending: sql<number>`coalesce(plugin_counts.trending, 0.0)`,
    ratings: sql<number>`coalesce(plugin_counts.ratings, 0)`,
    stars: sql<number>`coalesce(plugin_counts.stars, 0)`,
    stale: sql<number>`coalesce(plugin_counts.stale, 0)`,
  };
  return db
    .select({
      name: plugins.name,
      publisher: publishers.name,
      displayName: publishers.displayName,
      verified: publishers.verified,
      removedAt: plugins.removedAt,
      revision: plugins.revision,
      searchRevision: plugins.searchRevision,
      updatedAt: plugins.updatedAt,
      newest: versions,
      isChoosable: sql<number>`EXISTS (SELECT 1 ${published} AND v.yanked_reason IS NULL)`,
      hasYanked: sql<number>`EXISTS (SELECT 1 ${published} AND v.yanked_reason IS NOT NULL)`,
      createdAt: sql<number>`coalesce((SELECT min(v.published_at) ${published}), 0)`,
      counts,
    })
    .from(plugins)
    .innerJoin(scopes, eq(scopes.scope, plugins.scope))
    .innerJoin(publishers, eq(publishers.name, scopes.publisher))
    .leftJoin(
      versions,
      and(
        eq(versions.plugin, plugins.name),
        eq(versions.version, plugins.latest),
        eq(versions.status, "published"),
      ),
    )
    .leftJoin(sql`plugin_counts`, sql`plugin_counts.plugin = ${plugins.name}`)
    .orderBy(asc(plugins.name))
    .$dynamic();
}

/** These plugins, and what is counted of them. */
export function loadListingFacts(db: Database, names: readonly string[]): Promise<ListingFacts[]> {
  const isNamed = sql`${plugins.name} IN (SELECT value FROM json_each(${JSON.stringify(names)}))`;
  return selectListingFacts(db).where(isNamed);
}

/** Of manifests that are read at once: a Worker has 128 MB, and they are held in several shapes. */
const MANIFEST_CHARS = 2_000_000;

/** The plugins after this name: fewer than the limit, but at least one, where manifests are large. */
export function pageOfListingFacts(
  db: Database,
  { after, limit }: { after: string; limit: number },
): Promise<ListingFacts[]> {
  const last = sql`(SELECT max(name) FROM (
    SELECT p.name, sum(length(v.manifest)) OVER (ORDER BY p.name ROWS UNBOUNDED PRECEDING EXCLUDE CURRENT ROW) AS chars
    FROM (SELECT name, latest FROM plugins WHERE name > ${after} ORDER BY name LIMIT ${limit}) p
    LEFT JOIN versions v ON v.plugin = p.name AND v.version = p.latest)
    WHERE chars IS NULL OR chars < ${MANIFEST_CHARS})`;
  return selectListingFacts(db).where(and(gt(plugins.name, after), lte(plugins.name, last)));
}

/** Has the counts of these plugins copied to search again. */
export function markCountsStale(db: Database, names: readonly string[]) {
  return db
    .update(pluginCounts)
    .set({ stale: 1 })
    .where(sql`${pluginCounts.plugin} IN (SELECT value FROM json_each(${JSON.stringify(names)}))`);
}

/**
 * Has the search rows of those that are no longer as they were read written by the next pass. What a
 * version shows of itself is made once, and without a new revision.
 */
export function markIfChanged(
  db: Database,
  read: readonly Pick<ListingFacts, "name" | "revision" | "newest">[],
) {
  const seen = JSON.stringify(
    read.map(({ name, revision, newest }) => ({ name, revision, bare: newest?.details === null })),
  );
  return db
    .update(plugins)
    .set({ searchRevision: sql`min(${plugins.searchRevision}, ${plugins.revision} - 1)` })
    .where(
      sql`name IN (SELECT p.name FROM json_each(${seen}) AS seen
        CROSS JOIN plugins p ON p.name = seen.value ->> 'name'
        WHERE p.revision <> seen.value ->> 'revision' OR (seen.value ->> 'bare' AND EXISTS
          (SELECT 1 FROM versions v
            WHERE v.plugin = p.name AND v.version = p.latest AND v.details IS NOT NULL)))`,
    );
}

/** The revisions of these plugins as they are now. */
export function listRevisions(db: Database, names: readonly string[]) {
  return db
    .select({ name: plugins.name, revision: plugins.revision })
    .from(plugins)
    .where(sql`${plugins.name} IN (SELECT value FROM json_each(${JSON.stringify(names)}))`);
}

/** Whether a search database ever held a plugin. */
export async function wasSearched(db: Database): Promise<boolean> {
  const found = await db
    .select({ name: plugins.name })
    .from(plugins)
    .where(ne(plugins.searchRevision, 0))
    .limit(1);
  return found.length > 0;
}

/**
 * Records rows of plugins that are still as they were read; the others stay behind. What was counted
 * before the row was there is copied to it after.
 */
export async function markSearched(
  db: Database,
  rows: readonly { plugin: string; revision: number }[],
): Promise<void> {
  const read = JSON.stringify(rows.map(({ plugin, revision }) => ({ plugin, revision })));
  await db.batch([
    db
      .update(plugins)
      .set({ searchRevision: plugins.revision })
      .where(
        sql`name IN (SELECT p.name FROM json_each(${read}) AS read
          CROSS JOIN plugins p ON p.name = read.value ->> 'plugin'
          WHERE p.revision = read.value ->> 'revision')`,
      ),
    markCountsStale(
      db,
      rows.map(({ plugin }) => plugin),
    ),
  ]);
}

/** The versions that exist of these bytes. */
export async function listClaims(
  db: Database,
  staged: readonly Pick<Version, "plugin" | "version" | "sha256">[],
): Promise<Pick<Version, "sha256" | "paid" | "status">[]> {
  const named = sql`json_each(${JSON.stringify(staged)}) AS named`;
  return db
    .select({ sha256: versions.sha256, paid: versions.paid, status: versions.status })
    .from(named)
    .crossJoin(versions)
    .where(
      and(
        eq(versions.plugin, sql`named.value ->> 'plugin'`),
        eq(versions.version, sql`named.value ->> 'version'`),
        eq(versions.sha256, sql`named.value ->> 'sha256'`),
      ),
    );
}

const isDocumentBehind = lt(plugins.documentRevision, plugins.revision);
const isSearchBehind = lt(plugins.searchRevision, plugins.revision);

/**
 * Plugins whose documents show less than the database says, without those of which releases that are served
 * still wait for their place in the log: their documents would lack them. The newest changes first.
 */
export function listUndocumented(
  db: Database,
  first: string | undefined,
): Promise<{ plugin: string }[]> {
  const waits = sql`EXISTS (SELECT 1 FROM log_queue JOIN versions USING (plugin, version)
    WHERE plugin = ${plugins.name} AND versions.status IN ('released', 'published'))`;
  return db
    .select({ plugin: plugins.name })
    .from(plugins)
    .where(and(isDocumentBehind, not(waits)))
    .orderBy(desc(eq(plugins.name, first ?? "")), desc(plugins.updatedAt))
    .limit(PLUGINS_AT_ONCE);
}

/** Plugins whose documents are written and whose search rows are behind. The newest changes first. */
export function listUnlisted(
  db: Database,
  first: string | undefined,
): Promise<{ plugin: string }[]> {
  return db
    .select({ plugin: plugins.name })
    .from(plugins)
    .where(and(isSearchBehind, not(isDocumentBehind)))
    .orderBy(desc(eq(plugins.name, first ?? "")), desc(plugins.updatedAt))
    .limit(LISTINGS_AT_ONCE);
}

/** Whether all that the database says of the plugin is shown. */
export async function isFinished(db: Database, plugin: string): Promise<boolean> {
  const [behind, unfinished] = await db.batch([
    db
      .select({ name: plugins.name })
      .from(plugins)
      .where(and(eq(plugins.name, plugin), or(isDocumentBehind, isSearchBehind))),
    db
      .select({ version: versions.version })
      .from(versions)
      .where(and(eq(versions.plugin, plugin), isUnfinished))
      .limit(1),
  ]);
  return behind.length === 0 && unfinished.length === 0;
}
