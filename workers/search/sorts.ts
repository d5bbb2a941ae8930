/**
 * The orders in which the catalogue can be browsed. Each is one full-text index whose rowid is a
 * position: the value of the sort and, below it, the id of the plugin. `ORDER BY rowid DESC` is the
 * sort, and a page starts below or above a position. A new sort is an index with its triggers and a
 * line of the view `targets` in migrations/search, and a line here.
 */
export const SORTS = {
  popular: "by_downloads",
  trending: "by_trending",
  new: "by_created",
  updated: "by_updated",
  rating: "by_rating",
  name: "by_name",
} as const satisfies Record<string, string>;

export type Sort = keyof typeof SORTS;

export const SORT_NAMES = Object.keys(SORTS).filter((name): name is Sort => name in SORTS);

/** Bits of a rowid that are the plugin's id; migrations/search shifts by the same number. */
export const ID_MASK = 2 ** 20 - 1;

/** Above every position. */
export const TOP_POSITION = Number.MAX_SAFE_INTEGER;

/** Stands for whichever epoch is the current one. */
export const CURRENT_EPOCH = -1;

/**
 * The current epoch, then the cards of one page as the sort stood in an epoch. Bound numbers arrive in SQLite as floating point, and FTS5 only seeks to an integer:
 * without the CAST it would read every row above the position. CROSS JOIN keeps the index outside and
 * the lookup by primary key inside.
 */
export function pageStatement(sort: Sort, kind: "below" | "above"): string {
  const range =
    kind === "below"
      ? "rowid < CAST(?3 AS INTEGER) AND rowid <= CAST(?4 AS INTEGER) ORDER BY rowid DESC"
      : "rowid > CAST(?3 AS INTEGER) AND rowid <= CAST(?4 AS INTEGER) ORDER BY rowid";
  return `SELECT epoch, 0 AS position, NULL AS card, 0 AS downloads, NULL AS rating
    FROM search_state WHERE id = 1
    UNION ALL SELECT * FROM (
      SELECT 0, p.position, d.card, d.downloads, d.rating
      FROM (SELECT rowid AS position FROM ${SORTS[sort]}
            WHERE words MATCH (SELECT '(' || ?1 || ') NOT _out_'
              || iif(?2 = ${CURRENT_EPOCH}, epoch, CAST(?2 AS INTEGER)) FROM search_state WHERE id = 1)
            AND ${range} LIMIT CAST(?5 AS INTEGER)) p
      CROSS JOIN docs d ON d.id = p.position & ${ID_MASK})`;
}
