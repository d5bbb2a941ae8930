import { SORT_NAMES, SORTS } from "./sorts.ts";

/** Every full-text index that holds the same plugins as `docs`, and where each row of it belongs. */
const HOLDERS: Readonly<Record<string, string>> = {
  words: "SELECT 1 FROM docs d WHERE d.id = i.id",
  ...Object.fromEntries(
    SORT_NAMES.map((sort) => [
      SORTS[sort],
      `SELECT 1 FROM places p
       WHERE p.id = i.id & 1048575 AND p.sort = '${sort}' AND p.position = i.id`,
    ]),
  ),
};

export const INDEXES = Object.keys(HOLDERS);

/**
 * The rows of an index after a rowid, a given number of them: `id`, and `orphan`, which is 1 for one that
 * belongs to nothing. The rowid is bound as text, since it has up to 53 bits.
 */
export function stretchOf(index: string): string {
  return `SELECT i.id, NOT EXISTS (${HOLDERS[index]}) AS orphan FROM ${index}_docsize i
    WHERE i.id > CAST(? AS INTEGER) ORDER BY i.id LIMIT CAST(? AS INTEGER)`;
}

/** Makes the facets again from the plugins. */
export const RECOUNT_FACETS = [
  "DELETE FROM facets",
  `INSERT INTO facets (facet, count)
     SELECT value, count(*) FROM docs CROSS JOIN json_each(docs.facets) GROUP BY value`,
  `UPDATE catalogue SET facets =
     (SELECT json_group_object(facet, count) FROM facets WHERE count > 0)`,
];
