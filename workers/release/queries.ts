import { and, asc, desc, eq, inArray, isNull, lt, or, sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import type { Database } from "../database.ts";
import { channels, plugins, publisherKeys, publishers, scopes, versions } from "../schema.ts";
import type { Version, VersionStatus } from "../schema.ts";

/** Versions whose place in the order is fixed and whose files are not served yet, in that order. */
export function listAdmitted(db: Database, plugin: string): Promise<Version[]> {
  return db
    .select()
    .from(versions)
    .where(and(eq(versions.plugin, plugin), eq(versions.status, "publishing")))
    .orderBy(asc(versions.seq));
}

export async function markReleased(
  db: Database,
  { plugin, version }: Pick<Version, "plugin" | "version">,
): Promise<void> {
  const row = and(eq(versions.plugin, plugin), eq(versions.version, version));
  await db.batch([
    db
      .update(versions)
      .set({ status: "released" })
      .where(and(row, eq(versions.status, "publishing"))),
    bumpRevision(db, plugin, { now: Date.now() }),
  ]);
}

/** Says that what the plugin shows has changed, so that document and search row are made again. */
export function bumpRevision(
  db: Database,
  plugin: string,
  { now, onlyIf }: { now: number; onlyIf?: SQL },
) {
  return db
    .update(plugins)
    .set({
      revision: sql`${plugins.revision} + 1`,
      updatedAt: sql`max(${plugins.updatedAt} + 1, ${now})`,
    })
    .where(and(eq(plugins.name, plugin), onlyIf));
}

const SERVED: VersionStatus[] = ["released", "published"];

/** Everything the public document is made of, as of one moment. */
export async function loadDocumentFacts(db: Database, plugin: string) {
  const [pluginRows, versionRows, keyRows, pins] = await db.batch([
    selectOwner(db, plugin),
    db
      .select()
      .from(versions)
      .where(and(eq(versions.plugin, plugin), inArray(versions.status, SERVED)))
      .orderBy(desc(versions.sortKey)),
    db
      .select({ keyId: publisherKeys.keyId, publicKey: publisherKeys.publicKey })
      .from(publisherKeys)
      .innerJoin(scopes, eq(scopes.publisher, publisherKeys.publisher))
      .innerJoin(plugins, eq(plugins.scope, scopes.scope))
      .where(and(eq(plugins.name, plugin), isNull(publisherKeys.revokedAt)))
      .orderBy(asc(publisherKeys.createdAt), asc(publisherKeys.keyId)),
    db.select().from(channels).where(eq(channels.plugin, plugin)),
  ]);
  return { owner: pluginRows[0], versions: versionRows, keys: keyRows, pins };
}

/** A batch gives rows by column name, so the two names need two. */
function selectOwner(db: Database, plugin: string) {
  return db
    .select({
      publisher: publishers.name,
      displayName: publishers.displayName,
      verified: publishers.verified,
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
export type ListingFacts = Awaited<ReturnType<typeof loadListingFacts>>;

export interface WrittenDocument {
  readonly plugin: string;
  readonly revision: number;
  readonly listed: readonly string[];
  readonly latest: string | null;
  readonly channels: Record<string, string>;
}

/** Only versions that the written document holds become `published`, and only a newer one counts. */
export async function markDocumented(db: Database, document: WrittenDocument): Promise<void> {
  const { plugin, revision, listed } = document;
  const isListed = sql`${versions.version} IN (SELECT value FROM json_each(${JSON.stringify(listed)}))`;
  await db.batch([
    db
      .update(versions)
      .set({ status: "published" })
      .where(and(eq(versions.plugin, plugin), eq(versions.status, "released"), isListed)),
    db
      .update(plugins)
      .set({
        documentRevision: revision,
        latest: document.latest,
        channels: document.channels,
      })
      .where(and(eq(plugins.name, plugin), lt(plugins.documentRevision, revision))),
  ]);
}

/** The plugin as the catalogue lists it: its newest version, and whether any may still be chosen. */
export async function loadListingFacts(db: Database, plugin: string) {
  const published = and(eq(versions.plugin, plugin), eq(versions.status, "published"));
  const latest = db
    .select({ latest: plugins.latest })
    .from(plugins)
    .where(eq(plugins.name, plugin));
  const [owners, newest, choosable, oldest] = await db.batch([
    selectOwner(db, plugin),
    db
      .select()
      .from(versions)
      .where(and(published, eq(versions.version, latest))),
    db
      .select({ version: versions.version })
      .from(versions)
      .where(and(published, isNull(versions.yankedReason)))
      .limit(1),
    db
      .select({ at: sql<number | null>`min(${versions.publishedAt})`.as("at") })
      .from(versions)
      .where(published),
  ]);
  return {
    owner: owners[0],
    newest: newest[0],
    isYanked: choosable.length === 0,
    createdAt: oldest[0]?.at ?? 0,
  };
}

export async function markSearched(
  db: Database,
  { plugin, revision }: { plugin: string; revision: number },
): Promise<void> {
  await db
    .update(plugins)
    .set({ searchRevision: revision })
    .where(and(eq(plugins.name, plugin), lt(plugins.searchRevision, revision)));
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

/** Plugins of one publisher that show less than the database says. */
export async function listBehind(
  db: Database,
  { publisher, limit }: { publisher: string; limit: number },
): Promise<string[]> {
  const rows = await db
    .select({ name: plugins.name })
    .from(plugins)
    .innerJoin(scopes, eq(scopes.scope, plugins.scope))
    .where(and(eq(scopes.publisher, publisher), isBehind()))
    .limit(limit);
  return rows.map(({ name }) => name);
}

function isBehind() {
  return or(
    lt(plugins.documentRevision, plugins.revision),
    lt(plugins.searchRevision, plugins.revision),
  );
}

/** Plugins whose publishing or change was interrupted. Both parts read a partial index only. */
export async function listUnfinished(
  db: Database,
  { olderThan, limit }: { olderThan: number; limit: number },
): Promise<string[]> {
  const [behind, stuck] = await db.batch([
    db.select({ name: plugins.name }).from(plugins).where(isBehind()).limit(limit),
    db
      .selectDistinct({ name: versions.plugin })
      .from(versions)
      .where(
        and(
          inArray(versions.status, ["publishing", "released"]),
          lt(versions.createdAt, olderThan),
        ),
      )
      .limit(limit),
  ]);
  return [...new Set([...behind, ...stuck].map((row) => row.name))];
}
