/**
 * The orders in which the catalogue can be browsed. Each is one full-text index whose rowid is the
 * value of the sort and, below it, the id of the plugin: `ORDER BY rowid DESC` is the sort, and a page
 * starts below the last rowid of the one before. A new sort is an index in migrations/search and a
 * line here.
 */
export const SORTS = {
  popular: "by_downloads",
  new: "by_created",
  updated: "by_updated",
} as const satisfies Record<string, string>;

export type Sort = keyof typeof SORTS;

/** Bits of a rowid that are the plugin's id; migrations/search shifts by the same number. */
const ID_MASK = 2 ** 20 - 1;

/** Above every position. */
export const TOP_POSITION = Number.MAX_SAFE_INTEGER;

/**
 * Cards of one page. Bound numbers arrive in SQLite as floating point, and FTS5 only seeks to an
 * integer: without the CAST it would read every row above the position. CROSS JOIN keeps the index
 * outside and the lookup by primary key inside.
 */
export function pageStatement(sort: Sort): string {
  return `SELECT p.position, d.card, d.downloads, d.rating
    FROM (SELECT rowid AS position FROM ${SORTS[sort]}
          WHERE words MATCH ? AND rowid < CAST(? AS INTEGER) ORDER BY rowid DESC LIMIT CAST(? AS INTEGER)) p
    CROSS JOIN docs d ON d.id = p.position & ${ID_MASK}`;
}

/** The id of the plugin at a position. */
export function pluginOf(position: number): number {
  return position % (ID_MASK + 1);
}
