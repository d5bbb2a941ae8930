import { and, asc, eq, sql } from "drizzle-orm";
import type { Database } from "../database.ts";
import { plugins } from "../schema.ts";
import { dependents } from "./tables.ts";

/** What a plugin needs, by name and range. */
export interface Needs {
  readonly plugin: string;
  /** The revision that says so: an older one never replaces a newer one. */
  readonly revision: number;
  readonly ranges: Readonly<Record<string, string>>;
}

/**
 * For the batch that records the plugin's document, before it: the plugin is a dependent of these, and
 * of no others.
 */
export function dependentStatements(db: Database, { plugin, revision, ranges }: Needs) {
  const needed = sql`json_each(${JSON.stringify(ranges)})`;
  const isNewer = sql`EXISTS (SELECT 1 FROM ${plugins}
    WHERE ${plugins.name} = ${plugin} AND ${plugins.documentRevision} < ${revision})`;
  return [
    db
      .delete(dependents)
      .where(
        and(
          eq(dependents.dependent, plugin),
          sql`${dependents.plugin} NOT IN (SELECT key FROM ${needed})`,
          isNewer,
        ),
      ),
    db
      .insert(dependents)
      .select(
        sql`SELECT needed.key, ${plugin}, needed.value,
          -coalesce((SELECT downloads FROM plugin_counts WHERE plugin = ${plugin}), 0)
        FROM ${needed} AS needed WHERE ${isNewer}`,
      )
      .onConflictDoUpdate({
        target: [dependents.plugin, dependents.dependent],
        set: { range: sql`excluded.range` },
        setWhere: sql`${dependents.range} <> excluded.range`,
      }),
  ] as const;
}

export interface DependentPlace {
  readonly lessPopular: number;
  readonly dependent: string;
}

/** The plugins that need one, the most popular first, from a place in that order on. */
export function listDependents(
  db: Database,
  { plugin, after, limit }: { plugin: string; after: DependentPlace | null; limit: number },
) {
  const isAfter =
    after === null
      ? undefined
      : sql`(${dependents.lessPopular}, ${dependents.dependent}) > (${after.lessPopular}, ${after.dependent})`;
  return db
    .select({
      dependent: dependents.dependent,
      range: dependents.range,
      lessPopular: dependents.lessPopular,
    })
    .from(dependents)
    .where(and(eq(dependents.plugin, plugin), isAfter))
    .orderBy(asc(dependents.lessPopular), asc(dependents.dependent))
    .limit(limit);
}
