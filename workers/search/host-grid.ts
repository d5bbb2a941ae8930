import intersects from "semver/ranges/intersects.js";
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
  return Array.from({ length: LAST_MAJOR + 1 }, (_, major) => majorTags(range, major)).flat();
}

function majorTags(range: string, major: number): string[] {
  const whole = span([major, 0], major === LAST_MAJOR ? null : [major + 1, 0]);
  if (!intersects(range, whole)) return [];
  const minors = Array.from({ length: LAST_MINOR + 1 }, (_, minor) => minor);
  const touched = minors.filter((minor) => intersects(range, minorSpan(major, minor)));
  if (touched.length === minors.length) return [`_host_${major}`];
  return touched.map((minor) => `_host_${major}_${minor}`);
}

function minorSpan(major: number, minor: number): string {
  if (minor < LAST_MINOR) return span([major, minor], [major, minor + 1]);
  return span([major, minor], major === LAST_MAJOR ? null : [major + 1, 0]);
}

function span(from: readonly [number, number], to: readonly [number, number] | null): string {
  const start = `>=${from.join(".")}.0`;
  return to === null ? start : `${start} <${to.join(".")}.0`;
}

/** Words of which a plugin has one if it runs on this host. */
export function hostChoices({ major, minor }: { major: number; minor: number }): string[] {
  const known = Math.min(major, LAST_MAJOR);
  // A later major is later than every minor of the last one.
  const minorOfKnown = major > LAST_MAJOR ? LAST_MINOR : Math.min(minor, LAST_MINOR);
  return [ANY_HOST, `_host_${known}`, `_host_${known}_${minorOfKnown}`];
}
