import { z } from "zod";

/** `POST /v1/search/check`: one part of the search database at a time. */
export const searchCheckRequestSchema = z.strictObject({
  /** `nextCursor` of the part before; the first part when absent. */
  cursor: z.string().max(300).optional(),
  /** Plugins of one part. */
  limit: z.int().min(1).max(100).default(50),
});

/** What search says otherwise than the database. */
export const searchFindingSchema = z.object({
  /**
   * `missing`: a plugin that search does not find. `outdated`: found with other facts. `unwanted`:
   * found, and not listed. `counts`: other numbers. `place`, `index`: not exactly once in a sort, or in
   * an index. `orphan`: in an index, and no plugin. `facets`: other totals.
   */
  kind: z.enum(["missing", "outdated", "unwanted", "counts", "place", "index", "orphan", "facets"]),
  /** Plugin, or index and row. */
  subject: z.string(),
  message: z.string(),
});

/** What one part of the check found. */
export const searchCheckResultSchema = z.object({
  /** Plugins and rows that were looked at. */
  checked: z.int().nonnegative(),
  findings: z.array(searchFindingSchema),
  nextCursor: z.string().nullable(),
});

/** `POST /v1/search/rebuild`: begins one, or goes on with the one under way. */
export const searchRebuildRequestSchema = z.strictObject({
  /** False goes on only; without a rebuild under way nothing happens. */
  start: z.boolean().default(true),
});

/** How far the rebuild of search is. */
export const searchRebuildResultSchema = z.object({
  /** Rebuilds are numbered. */
  generation: z.int().nonnegative(),
  isDone: z.boolean(),
  /** Step and last subject that are done, such as `plugin:@acme/hello`. */
  rebuiltTo: z.string(),
});

/** What search says otherwise than the database. */
export type SearchFinding = z.output<typeof searchFindingSchema>;

/** What one part of the check found. */
export type SearchCheckResult = z.output<typeof searchCheckResultSchema>;

/** How far the rebuild of search is. */
export type SearchRebuildResult = z.output<typeof searchRebuildResultSchema>;
