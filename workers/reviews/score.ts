/** What is counted of the ratings of a plugin. */
export interface Ratings {
  /** The sum of all stars. */
  readonly stars: number;
  readonly ratings: number;
}

/** A plugin begins as if it had so many ratings of so many stars each. */
const PRIOR = { ratings: 8, stars: 3.5 } as const;

/**
 * The key of the sort by rating, 1 to 5: the mean of the ratings and of those that every plugin begins
 * with, so that one rating of five stars does not stand above a hundred that are nearly as good. A
 * plugin without ratings stands in between.
 */
export function bayesianScore({ stars, ratings }: Ratings): number {
  return (PRIOR.ratings * PRIOR.stars + stars) / (PRIOR.ratings + ratings);
}

/** What people are shown: the mean to one decimal, or null without ratings. */
export function shownRating({ stars, ratings }: Ratings): number | null {
  return ratings === 0 ? null : Math.round((stars / ratings) * 10) / 10;
}
