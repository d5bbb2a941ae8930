import compare from "semver/functions/compare.js";
import Range from "semver/classes/range.js";
import type Comparator from "semver/classes/comparator.js";
import { isVersionRange, parseVersion } from "./version.ts";

/** Versions from `introduced` on, up to one of the others, as semver orders them. */
export interface VersionInterval {
  /** The first version of it; null is from the beginning. */
  readonly introduced: string | null;
  /** The first version after it. */
  readonly fixed?: string;
  /** The last version of it. */
  readonly lastAffected?: string;
}

/** What `isInRange` takes for inside of a range, as intervals. Empty for anything that is no range. */
export function intervalsOf(range: string): VersionInterval[] {
  if (!isVersionRange(range)) return [];
  const { set } = new Range(range, { includePrerelease: true });
  return set.flatMap((comparators) => {
    const interval = comparators.reduce(narrow, { introduced: null });
    return isEmpty(interval) ? [] : [interval];
  });
}

/** The part of the interval that the comparator lets through. */
function narrow(interval: VersionInterval, { operator, semver }: Comparator): VersionInterval {
  const { version } = semver;
  // The comparator of any version has none.
  if (version === undefined) return interval;
  const from = { ">=": version, ">": followerOf(version), "=": version, "": version };
  const lower = operator === "<" || operator === "<=" ? null : from[operator ?? ""];
  const raised = lower === null ? interval : raise(interval, lower);
  if (operator === "<") return cut(raised, { fixed: version });
  return operator === ">" || operator === ">=" ? raised : cut(raised, { lastAffected: version });
}

function raise(interval: VersionInterval, introduced: string): VersionInterval {
  const { introduced: known } = interval;
  return known !== null && compare(known, introduced) >= 0 ? interval : { ...interval, introduced };
}

type End = Pick<VersionInterval, "fixed" | "lastAffected">;

function cut(interval: VersionInterval, end: End): VersionInterval {
  const { introduced, ...known } = interval;
  return isBefore(known, end) ? interval : { introduced, ...end };
}

function isBefore(a: End, b: End): boolean {
  const [endOfA, endOfB] = [a.fixed ?? a.lastAffected, b.fixed ?? b.lastAffected];
  if (endOfA === undefined) return false;
  if (endOfB === undefined) return true;
  const order = compare(endOfA, endOfB);
  return order === 0 ? a.fixed !== undefined : order < 0;
}

function isEmpty({ introduced, fixed, lastAffected }: VersionInterval): boolean {
  const first = introduced ?? "0.0.0-0";
  if (fixed !== undefined) return compare(first, fixed) >= 0;
  return lastAffected !== undefined && compare(first, lastAffected) > 0;
}

/** The lowest version above this one. */
function followerOf(version: string): string {
  const { major, minor, patch, prerelease } = parseVersion(version);
  return prerelease.length > 0 ? `${version}.0` : `${major}.${minor}.${patch + 1}-0`;
}
