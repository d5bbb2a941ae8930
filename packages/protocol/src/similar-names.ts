import { NAME_LIMITS } from "./limits.ts";

/** What a name holds besides its word. */
const AFFIXES = ["plugin", "addon", "extension", "official", "js", "rbsm", "risingbsm"].map(
  letters,
);
const MIN_REST = 3;

/** Scopes that would pass for somebody in charge. */
const RESERVED = new Set(
  [
    "about",
    "account",
    "admin",
    "administrator",
    "api",
    "auth",
    "billing",
    "docs",
    "help",
    "internal",
    "login",
    "marketplace",
    "moderator",
    "null",
    "plugins",
    "registry",
    "root",
    "security",
    "settings",
    "staff",
    "support",
    "system",
    "team",
    "trust",
    "undefined",
    "verified",
  ].map(foldName),
);
const BRANDS = ["risingbsm", "official"].map(letters);

/**
 * A name, or a scope without its at sign, as it looks: dashes, homoglyphs, doubled letters, plurals and
 * common affixes are gone, but a number at the end stays. Two names with the same fold are taken for one another.
 */
export function foldName(name: string): string {
  // The number that tells several of a kind apart is a number, not letters.
  const number = /(?:-[0-9]+|[0-9]{2,})$/.exec(name)?.[0] ?? "";
  return foldWord(name.slice(0, name.length - number.length)) + number;
}

function foldWord(name: string): string {
  const words = name.split("-").filter((word) => !AFFIXES.includes(withoutPlural(letters(word))));
  let fold = letters(words.length === 0 ? name : words.join(""));
  for (let next = withoutEnding(fold); next !== fold; next = withoutEnding(fold)) fold = next;
  return fold;
}

/** Letters that look alike are one letter, and one letter however often it stands in a row. */
function letters(name: string): string {
  return name
    .replaceAll("-", "")
    .replaceAll("0", "o")
    .replaceAll(/[1i]/g, "l")
    .replaceAll("3", "e")
    .replaceAll("5", "s")
    .replaceAll("w", "v")
    .replaceAll("m", "rn")
    .replaceAll(/(.)\1+/g, "$1")
    .replaceAll(/(?:rn)+/g, "m");
}

function withoutEnding(fold: string): string {
  const affix = AFFIXES.find((one) => fold.endsWith(one) || fold.startsWith(one));
  if (affix !== undefined && fold.length - affix.length >= MIN_REST) {
    return fold.endsWith(affix) ? fold.slice(0, -affix.length) : fold.slice(affix.length);
  }
  return withoutPlural(fold);
}

function withoutPlural(fold: string): string {
  return fold.endsWith("s") && fold.length > MIN_REST ? fold.slice(0, -1) : fold;
}

/** Whether a scope, without its at sign, is for the marketplace itself. */
export function isReservedName(name: string): boolean {
  const whole = letters(name);
  return RESERVED.has(foldName(name)) || BRANDS.some((brand) => whole.includes(brand));
}

/** Whether somebody who knows one of the folded names may have meant it and typed the other. */
export function isNearName(fold: string, other: string): boolean {
  const length = Math.max(fold.length, other.length);
  if (fold === other) return true;
  if (Math.min(fold.length, other.length) < NAME_LIMITS.nearFrom) return false;
  const slips = length < NAME_LIMITS.twoSlipsFrom ? 1 : 2;
  return Math.abs(fold.length - other.length) <= slips && slipsBetween(fold, other) <= slips;
}

/** Damerau-Levenshtein distance (optimal string alignment): letters changed, added, left out, swapped. */
export function slipsBetween(a: string, b: string): number {
  let older: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) next.push(nextSlips({ a, b, i, j }, [older, row, next]));
    [older, row] = [row, next];
  }
  return Math.max(...row.slice(-1));
}

interface Cell {
  readonly a: string;
  readonly b: string;
  readonly i: number;
  readonly j: number;
}

function nextSlips({ a, b, i, j }: Cell, rows: readonly [number[], number[], number[]]): number {
  const at = (row: 0 | 1 | 2, column: number) => rows[row][column] ?? Infinity;
  const changed = a[i - 1] === b[j - 1] ? 0 : 1;
  const swapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? 1 : Infinity;
  return Math.min(at(1, j) + 1, at(2, j - 1) + 1, at(1, j - 1) + changed, at(0, j - 2) + swapped);
}
