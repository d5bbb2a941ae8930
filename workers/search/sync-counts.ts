import { z } from "zod";
import { COUNT_COLUMNS, countColumns, countsSchema } from "./counts.ts";
import type { Counts } from "./counts.ts";

const PLUGINS_AT_ONCE = 200;

const staleRow = countsSchema.extend({ plugin: z.string(), seen: z.string() });

const COPY = `UPDATE docs SET ${COUNT_COLUMNS.map((name) => `${name} = value ->> '${name}'`).join(", ")}
  FROM json_each(?) WHERE name = value ->> 'plugin'`;

/** As text, which says of a number what it said when it was read. */
const SEEN = "json_array(installs, downloads, trending, ratings, stars)";

/** Other numbers than those that were copied are marked, also where another run has copied them before. */
const SETTLE = `UPDATE plugin_counts SET stale = (${SEEN} <> value ->> 'seen')
  FROM json_each(?) WHERE plugin = value ->> 'plugin'`;

interface Databases {
  readonly DB: D1Database;
  readonly SEARCH: D1Database;
}

/**
 * Copies what was counted to the search database, some plugins at once; false when more wait. Repeating
 * it changes nothing, and what fails half-way is copied again.
 */
export async function syncCounts({ DB, SEARCH }: Databases): Promise<boolean> {
  const primary = DB.withSession("first-primary");
  const { results } = await primary
    .prepare(
      `SELECT plugin, installs, downloads, trending, ratings, stars, ${SEEN} AS seen FROM plugin_counts
       WHERE stale = 1 LIMIT ${PLUGINS_AT_ONCE}`,
    )
    .all();
  const rows = z.array(staleRow).parse(results);
  if (rows.length === 0) return true;
  await copyCounts(SEARCH, rows).run();
  const seen = rows.map((row) => ({ plugin: row.plugin, seen: row.seen }));
  await primary.prepare(SETTLE).bind(JSON.stringify(seen)).run();
  return rows.length < PLUGINS_AT_ONCE;
}

/** The statement that writes these numbers to where search has the plugins. */
export function copyCounts(
  search: D1Database,
  rows: readonly (Counts & { readonly plugin: string })[],
): D1PreparedStatement {
  const copies = rows.map((row) => ({ plugin: row.plugin, ...countColumns(row) }));
  return search.prepare(COPY).bind(JSON.stringify(copies));
}
