import compare from "semver/functions/compare.js";
import parse from "semver/functions/parse.js";
import satisfiesRange from "semver/functions/satisfies.js";
import maxSatisfyingRange from "semver/ranges/max-satisfying.js";
import validRange from "semver/ranges/valid.js";
import { RbsmError } from "./errors.ts";
import { VERSION_LIMITS } from "./limits.ts";

/** The parts of a semantic version. */
export interface Version {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  /** Identifiers after the hyphen; numbers where they are numeric. */
  readonly prerelease: readonly (string | number)[];
}

/** Whether the text is a full semantic version 2.0.0, without `v`, range or white space. */
export function isVersion(text: string): boolean {
  // `semver` also takes a leading "v", "=" and spaces, and orders numbers over 2^53 inexactly.
  if (text.length > VERSION_LIMITS.versionLength || !/^\d[0-9A-Za-z.+-]*$/.test(text)) return false;
  return (
    parse(text)?.prerelease.every((id) => typeof id === "number" || !/^\d+$/.test(id)) ?? false
  );
}

/** Parts of a version. Throws `request_invalid` unless it is a full semantic version 2.0.0. */
export function parseVersion(text: string): Version {
  const version = isVersion(text) ? parse(text) : null;
  if (version === null) {
    throw new RbsmError("request_invalid", `${JSON.stringify(text)} is not a version like 1.2.3`);
  }
  const { major, minor, patch, prerelease } = version;
  return { major, minor, patch, prerelease };
}

/** Negative, zero or positive as semver orders `a` and `b`; build metadata does not count. */
export function compareVersions(a: string, b: string): number {
  parseVersion(a);
  parseVersion(b);
  return compare(a, b);
}

/** Whether the version is a prerelease. */
export function isPrerelease(version: string): boolean {
  return parseVersion(version).prerelease.length > 0;
}

/** Whether the text is a semver range such as `^1.2.0`. */
export function isVersionRange(text: string): boolean {
  return isShort(text) && validRange(text) !== null;
}

function isShort(range: string): boolean {
  return range.length <= VERSION_LIMITS.rangeLength;
}

/** Whether the version lies in the range. False for anything that is no version or no range. */
export function satisfies(version: string, range: string): boolean {
  return isVersion(version) && isShort(range) && satisfiesRange(version, range);
}

/** Whether the version lies in the range, where a prerelease counts like any other version. */
export function isInRange(version: string, range: string): boolean {
  if (!isVersion(version) || !isShort(range)) return false;
  return satisfiesRange(version, range, { includePrerelease: true });
}

/** The highest of the versions that lies in the range, or null. */
export function maxSatisfying(versions: readonly string[], range: string): string | null {
  return isVersionRange(range) ? maxSatisfyingRange(versions.filter(isVersion), range) : null;
}

/**
 * A text whose order (code units, as D1 and JavaScript sort) is semver's order. Versions that differ
 * in build metadata only have one key.
 */
export function versionSortKey(version: string): string {
  const { major, minor, patch, prerelease } = parseVersion(version);
  const core = [major, minor, patch].map(numberKey).join("");
  // A release sorts after its prereleases, a shorter list of identifiers before a longer one.
  return prerelease.length === 0 ? `${core}~` : core + prerelease.map(identifierKey).join("");
}

/** The count of digits comes first, as a letter, so that 10 sorts after 9. */
function numberKey(value: number): string {
  const digits = String(value);
  return String.fromCharCode(96 + digits.length) + digits;
}

/** Numeric identifiers sort before others; "!" ends a word and is below all its characters. */
function identifierKey(identifier: string | number): string {
  return typeof identifier === "number" ? `0${numberKey(identifier)}` : `1${identifier}!`;
}
