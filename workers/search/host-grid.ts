import Range from "semver/classes/range.js";
import validRange from "semver/ranges/valid.js";

/**
 * Host compatibility as a bounded set of words: a plugin is indexed under every host version, by
 * major and minor number, that its range of `engines["rising-bsm"]` touches. A major of which it
 * touches every minor is one word. The last major and the last minor stand for all later ones. Patch numbers
 * are left out: a plugin that needs 1.5.2 is also found for 1.5.0, and the installer refuses it there.
 */
const LAST_MAJOR = 19;
const LAST_MINOR = 30;
const ANY_HOST = "_host_any";

/** Words under which a plugin with this range is indexed; without a range it runs anywhere. */
export function hostTags(range: string | null): string[] {
  if (range === null || validRange(range) === "*") return [ANY_HOST];
  const hosts = new Range(range);
  return readGrid().flatMap(({ whole, minors }, major) => {
    if (!hosts.intersects(whole)) return [];
    const touched = minors.flatMap((span, minor) =>
      hosts.intersects(span) ? [`_host_${major}_${minor}`] : [],
    );
    return touched.length === minors.length ? [`_host_${major}`] : touched;
  });
}

/**
 * What is counted of a plugin with this range: the majors from which on it runs on some of their
 * versions ("+2"), and those from which on it does not ("-5"). So it is one count, not one a major, for
 * a plugin that runs on all later ones.
 */
export function hostSteps(range: string | null): string[] {
  const hosts = new Range(range ?? "*");
  const runs = readGrid().map(({ whole }) => hosts.intersects(whole));
  return runs.flatMap((isRun, major) => {
    if (isRun === (runs[major - 1] ?? false)) return [];
    return [`${isRun ? "+" : "-"}${major}`];
  });
}

/** For each major how many plugins run on some version of it, by how many have each step. */
export function countHosts(countOf: (step: string) => number): number[] {
  let count = 0;
  return readGrid().map((_, major) => (count += countOf(`+${major}`) - countOf(`-${major}`)));
}

interface Major {
  readonly whole: Range;
  readonly minors: readonly Range[];
}

let grid: readonly Major[] | undefined;

/** Parsed once: that is most of the work. */
function readGrid(): readonly Major[] {
  return (grid ??= Array.from({ length: LAST_MAJOR + 1 }, (_, major) => ({
    whole: spanOf([major, 0], LAST_MINOR + 1),
    minors: Array.from({ length: LAST_MINOR + 1 }, (_, minor) => spanOf([major, minor], minor + 1)),
  })));
}

/** From a minor up to another of the same major; behind the last one everything of the major follows. */
function spanOf([major, minor]: readonly [number, number], end: number): Range {
  const start = `>=${major}.${minor}.0`;
  if (end <= LAST_MINOR) return new Range(`${start} <${major}.${end}.0`);
  return new Range(major === LAST_MAJOR ? start : `${start} <${major + 1}.0.0`);
}

/** A version of Rising-BSM; without a minor number, any of that major. */
export interface Host {
  readonly major: number;
  readonly minor: number | null;
}

/** Words of which a plugin has one if it runs on this host. */
export function hostChoices({ major, minor }: Host): string[] {
  const known = Math.min(major, LAST_MAJOR);
  const minors = minorsOf({ major, minor }).map((each) => `_host_${known}_${each}`);
  return [ANY_HOST, `_host_${known}`, ...minors];
}

function minorsOf({ major, minor }: Host): readonly number[] {
  // A later major is later than every minor of the last one.
  if (major > LAST_MAJOR) return [LAST_MINOR];
  if (minor !== null) return [Math.min(minor, LAST_MINOR)];
  return Array.from({ length: LAST_MINOR + 1 }, (_, each) => each);
}
