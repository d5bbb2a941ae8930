import { eq, sql } from "drizzle-orm";
import { auditIf } from "../audit.ts";
import type { Database } from "../database.ts";
import { queueLogEntry } from "../log/queries.ts";
import { bumpRevision } from "../release/queries.ts";
import { plugins, scopes, versions } from "../schema.ts";
import type { AuditEntry } from "../schema.ts";

/** Whose the plugin is, whether it is removed, and since when somebody could count on it. */
export function findRemovable(db: Database, plugin: string) {
  const first = db
    .select({ at: sql<number | null>`min(${versions.publishedAt})` })
    .from(versions)
    .where(eq(versions.plugin, plugin));
  return db
    .select({
      scope: plugins.scope,
      publisher: scopes.publisher,
      removedAt: plugins.removedAt,
      firstReleasedAt: sql<number | null>`${first}`,
    })
    .from(plugins)
    .innerJoin(scopes, eq(scopes.scope, plugins.scope))
    .where(eq(plugins.name, plugin))
    .get();
}

/** Only the first removal counts. Gives the time of it. */
export async function removePlugin(
  db: Database,
  plugin: string,
  entry: AuditEntry,
): Promise<number> {
  const isThere = sql`EXISTS (SELECT 1 FROM plugins WHERE name = ${plugin} AND removed_at IS NULL)`;
  const at = new Date(entry.at).toISOString();
  const [, , , , found] = await db.batch([
    auditIf(db, entry, isThere),
    queueLogEntry(db, { type: "remove", plugin, at }, isThere),
    bumpRevision(db, plugin, { now: entry.at, onlyIf: isThere }),
    db
      .update(plugins)
      .set({ removedAt: sql`coalesce(${plugins.removedAt}, ${entry.at})` })
      .where(eq(plugins.name, plugin)),
    db.select({ removedAt: plugins.removedAt }).from(plugins).where(eq(plugins.name, plugin)),
  ]);
  return found[0]?.removedAt ?? entry.at;
}
