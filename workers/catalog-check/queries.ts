import { and, asc, eq, gt, inArray, sql } from "drizzle-orm";
import { auditIf } from "../audit.ts";
import type { Database } from "../database.ts";
import { bumpRevision } from "../release/queries.ts";
import {
  catalogChanges,
  catalogTargets,
  logEntries,
  plugins,
  trustFiles,
  trustRoles,
} from "../schema.ts";
import type { AuditEntry, CatalogTarget } from "../schema.ts";

/** The plugins after this name, in order. */
export function pageOfPlugins(db: Database, after: string, limit: number) {
  return db
    .select({
      name: plugins.name,
      shard: plugins.shard,
      documentSha256: plugins.documentSha256,
      updatedAt: plugins.updatedAt,
      removedAt: plugins.removedAt,
      isBehind: sql<number>`${plugins.documentRevision} < ${plugins.revision}
        OR ${plugins.searchRevision} < ${plugins.revision}`,
    })
    .from(plugins)
    .where(gt(plugins.name, after))
    .orderBy(asc(plugins.name))
    .limit(limit);
}

export type CheckedPlugin = Awaited<ReturnType<typeof pageOfPlugins>>[number];

/** The targets after this one, in order. */
export function pageOfTargets(
  db: Database,
  after: string,
  limit: number,
): Promise<CatalogTarget[]> {
  return db
    .select()
    .from(catalogTargets)
    .where(gt(catalogTargets.target, after))
    .orderBy(asc(catalogTargets.target))
    .limit(limit);
}

export async function findTarget(db: Database, target: string): Promise<CatalogTarget | undefined> {
  const [row] = await db.select().from(catalogTargets).where(eq(catalogTargets.target, target));
  return row;
}

/** Texts of entries of the log by place. */
export async function entriesAt(
  db: Database,
  places: readonly number[],
): Promise<Map<number, string>> {
  const rows = await db
    .select()
    .from(logEntries)
    .where(sql`${logEntries.place} IN (SELECT value FROM json_each(${JSON.stringify(places)}))`);
  return new Map(rows.map(({ place, entry }) => [place, entry]));
}

export function loadTrustFiles(db: Database) {
  return db
    .select({ key: trustFiles.key, content: trustFiles.content })
    .from(trustFiles)
    .where(sql`${trustFiles.stored} = 1`)
    .orderBy(asc(trustFiles.key));
}

/** When the search row of a plugin was last made, by the change that it shows; null: there is none. */
export async function searchedAt(search: D1Database, name: string): Promise<number | null> {
  const row = search.prepare("SELECT updated_at FROM docs WHERE name = ?").bind(name);
  return row.first<number>("updated_at");
}

export async function dropSearchRow(search: D1Database, name: string): Promise<void> {
  await search.prepare("DELETE FROM docs WHERE name = ?").bind(name).run();
}

/** Has documents, search rows and targets made again, and says so. */
export async function markForRepair(
  db: Database,
  work: {
    readonly plugins: readonly string[];
    readonly targets: readonly string[];
    /** Catalog and heads as well. */
    readonly metadata: boolean;
  },
  audit: AuditEntry,
): Promise<void> {
  const metadata = work.metadata ? (["catalog", "timestamp"] as const) : [];
  await db.batch([
    auditIf(db, audit, sql`1`),
    db.delete(trustRoles).where(and(inArray(trustRoles.role, [...metadata]))),
    ...work.plugins.map((plugin) => bumpRevision(db, plugin, { now: audit.at })),
    ...work.targets.map((target) =>
      db
        .insert(catalogChanges)
        .values({ target })
        .onConflictDoUpdate({
          target: catalogChanges.target,
          set: { changes: sql`${catalogChanges.changes} + 1` },
        }),
    ),
  ]);
}
