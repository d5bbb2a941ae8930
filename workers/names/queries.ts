import { foldName, NAME_LIMITS, splitPluginName } from "@rising-bsm/protocol";
import { eq, isNull, sql } from "drizzle-orm";
import type { Database } from "../database.ts";
import { plugins, scopes } from "../schema.ts";
import { listSorted } from "../search/browse-queries.ts";
import { matchExpression } from "../search/match.ts";
import type { SearchReader } from "../search/queries.ts";
import { verifiedTag } from "../search/tags.ts";

/** A plugin of another publisher whose name looks the same and is spelled otherwise. */
export async function findPluginAlike(
  db: Database,
  { plugin, publisher }: { plugin: string; publisher: string },
): Promise<string | null> {
  const { name } = splitPluginName(plugin);
  const others = sql`FROM plugins WHERE fold = ${foldName(name)}
    AND scope NOT IN (SELECT scope FROM scopes WHERE publisher = ${publisher})`;
  // Two ranges of the index, so that a word which many plugins have is passed over unread.
  const [row] = await db.all<{ name: string }>(
    sql`SELECT * FROM (SELECT name ${others} AND short < ${name} LIMIT 1)
      UNION ALL SELECT * FROM (SELECT name ${others} AND short > ${name} LIMIT 1)`,
  );
  return row?.name ?? null;
}

/** A scope of another publisher that looks the same. */
export async function findScopeAlike(
  db: Database,
  { scope, publisher }: { scope: string; publisher: string },
): Promise<string | null> {
  const [row] = await db.all<{ scope: string }>(
    sql`SELECT scope FROM scopes WHERE fold = ${foldName(scope.slice(1))}
      AND scope <> ${scope} AND publisher <> ${publisher} LIMIT 1`,
  );
  return row?.scope ?? null;
}

/** Well known plugins of other publishers: verified ones, and those with the most downloads. */
export async function listProminent(search: SearchReader, publisher: string): Promise<string[]> {
  const best = async (oneOf: string[][]) => {
    const match = matchExpression({ groups: [], need: "all", tags: { oneOf, none: [] } });
    return (await listSorted(search, "popular", { match, limit: NAME_LIMITS.prominent })).found;
  };
  const [verified, popular] = await Promise.all([best([[verifiedTag(true)]]), best([])]);
  const cards = [...verified, ...popular.filter(({ card }) => card.downloads > 0)];
  const names = cards
    .filter(({ card }) => card.publisher.name !== publisher)
    .map(({ card }) => card.name);
  return [...new Set(names)];
}

/** Names from before names were folded; says how many it found. */
export async function fillFolds(db: Database, limit: number): Promise<number> {
  const [pluginRows, scopeRows] = await db.batch([
    db.select({ name: plugins.name }).from(plugins).where(isNull(plugins.fold)).limit(limit),
    db.select({ scope: scopes.scope }).from(scopes).where(isNull(scopes.fold)).limit(limit),
  ]);
  const updates = [
    ...pluginRows.map(({ name }) =>
      db
        .update(plugins)
        .set({ fold: foldName(splitPluginName(name).name) })
        .where(eq(plugins.name, name)),
    ),
    ...scopeRows.map(({ scope }) =>
      db
        .update(scopes)
        .set({ fold: foldName(scope.slice(1)) })
        .where(eq(scopes.scope, scope)),
    ),
  ];
  const [first, ...rest] = updates;
  if (first !== undefined) await db.batch([first, ...rest]);
  return updates.length;
}
