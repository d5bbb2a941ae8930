/** After so many days a new installation weighs half as much. */
const HALF_LIFE_DAYS = 7;

/**
 * Installations that a plugin counts as having had from the start: a first one makes no trend, nor
 * does what one network can add in a day.
 */
const HEAD_START = 200;

/** New installations of one day. */
export interface NewInstallations {
  readonly day: number;
  readonly count: number;
}

/**
 * log2 of the sum of all new installations, each weighed 2^(day / half-life). Instead of letting the
 * old ones fade, later ones weigh more: the order between plugins is the same, and what gets nothing
 * new keeps its number without being computed again. 0 is none.
 */
export function addMomentum(momentum: number, { day, count }: NewInstallations): number {
  if (count <= 0) return momentum;
  const added = day / HALF_LIFE_DAYS + Math.log2(count);
  if (momentum === 0) return added;
  const [more, less] = added > momentum ? [added, momentum] : [momentum, added];
  return more + Math.log2(1 + 2 ** (less - more));
}

/**
 * What plugins are ordered by: momentum beside the root of all that ever installed it. The size of
 * chance is such a root, so a small plugin that grows comes before a large one that stays as it is.
 */
export function trendingOf(momentum: number, downloads: number): number {
  return momentum === 0 ? 0 : momentum - Math.log2(downloads + HEAD_START) / 2;
}
