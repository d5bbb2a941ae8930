import { z } from "zod";
import { bayesianScore, shownRating } from "../reviews/score.ts";

/** What DB counts of a plugin. */
export const countsSchema = z.object({
  installs: z.int(),
  downloads: z.int(),
  trending: z.number(),
  ratings: z.int(),
  stars: z.int(),
});

export type Counts = z.output<typeof countsSchema>;

export const NO_COUNTS: Counts = { installs: 0, downloads: 0, trending: 0, ratings: 0, stars: 0 };

export const COUNT_COLUMNS = ["installs", "downloads", "trending", "rating", "score"] as const;

/** The same as `docs` keeps it: keys of a sort are whole numbers. */
export function countColumns(
  counts: Counts,
): Record<(typeof COUNT_COLUMNS)[number], number | null> {
  return {
    installs: counts.installs,
    downloads: counts.downloads,
    trending: Math.min(2 ** 31 - 1, Math.max(0, Math.round(counts.trending * 1_000))),
    rating: shownRating(counts),
    score: Math.round(bayesianScore(counts) * 1_000_000),
  };
}
