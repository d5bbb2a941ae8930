import { ENDINGS, stem } from "./stem.ts";
import { distinctTerms, NEARNESS, wordGroup } from "./word-group.ts";
import type { Term, WordGroup } from "./word-group.ts";

/** Other words of the catalogue that a word of a query may mean, when the word alone finds little. */

const MIN_INSIDE = 4;
const MIN_PART = 4;
/** What German puts between the parts of a compound. */
const JOINTS = ["", "s", "n", "en", "es", "er", "e"] as const;
/** A longer word is rather a compound than misspelt. */
const LONG = 10;
/** A longer word may be typed with a slip and without its ending. */
const MIN_BEGUN = 6;
const MAX_INSIDE = 8;
const MAX_MISSPELT = 4;

/** A compound taken apart: "rechnungsexport" into "rechnung" and "export". */
interface Split {
  readonly left: string;
  readonly right: string;
}

/** Spellings worth a look in the vocabulary: neighbours that changed places, and parts of a compound. */
export function likelyWords(word: string): string[] {
  const swapped = Array.from(
    { length: Math.max(0, word.length - 1) },
    (_, at) => word.slice(0, at) + (word[at + 1] ?? "") + (word[at] ?? "") + word.slice(at + 2),
  );
  const parts = splitsOf(word).flatMap(({ left, right }) => [left, right]);
  const likely = word.length < LONG ? [...swapped, ...parts] : [...parts, ...swapped];
  return [...new Set(likely)].filter((each) => each !== word);
}

/** No word of the vocabulary is longer. */
const MAX_TERM = 32;
/** Vowels of a word after which an "e" may have been folded away. */
const MAX_UNFOLDED = 2;

/**
 * The word, and it with each letter left out: a word that is one slip away has one of these in common
 * (migrations/search, `term_slips`). Letters that changed places may have been folded since, as "ae" is
 * "a", and the catalogue may have the plural only.
 */
export function slipsOf(word: string): string[] {
  const letters = Array.from(word).slice(0, MAX_TERM + 1);
  const folded = letters.flatMap((letter, at) => ("aou".includes(letter) ? [at + 1] : []));
  const unfolded = folded.slice(-MAX_UNFOLDED).map((at) => letters.toSpliced(at, 0, "e"));
  const inflected = word.length < MIN_BEGUN ? [] : ENDINGS.map((it) => Array.from(word + it));
  const slips = [letters, ...unfolded, ...inflected].flatMap((each) => [
    each.join(""),
    ...each.map((_, at) => each.toSpliced(at, 1).join("")),
  ]);
  return [...new Set(slips)];
}

/** Every way to take a word apart, the longest left part first. */
function splitsOf(word: string): Split[] {
  const ends = Array.from(
    { length: Math.max(0, word.length - 2 * MIN_PART + 1) },
    (_, at) => word.length - MIN_PART - at,
  );
  return ends.flatMap((end) =>
    JOINTS.filter((joint) => word.slice(0, end).endsWith(joint))
      .map((joint) => ({ left: word.slice(0, end - joint.length), right: word.slice(end) }))
      .filter(({ left }) => left.length >= MIN_PART),
  );
}

export interface Vocabulary {
  /** Words that share the most letters with the query's, the nearest first. */
  readonly alike: readonly string[];
  /** Which of the likely words there are. */
  readonly known: ReadonlySet<string>;
}

/** The group with what the catalogue has of it; `corrected` is the word that was probably meant. */
export function widen(
  group: WordGroup,
  { alike, known }: Vocabulary,
): { group: WordGroup; corrected: string | null } {
  const { word } = group;
  const inside = alike
    .filter((other) => word.length >= MIN_INSIDE && other.includes(stem(word)))
    .slice(0, MAX_INSIDE);
  const misspelt = known.has(word) ? [] : nearestSpellings(word, [...known, ...alike]);
  const split = splitsOf(word).find(({ left, right }) => known.has(left) && known.has(right));
  const [corrected = null] = inside.length > 0 || split !== undefined ? [] : misspelt;
  const terms: Term[] = [
    ...group.terms,
    ...inside.map((text) => ({ text, open: false, nearness: NEARNESS.inside })),
    ...misspelt.flatMap(misspeltTerms),
  ];
  const parts =
    split === undefined
      ? []
      : [split.left, split.right].map((part) => wordGroup(part, { isLast: false }));
  return { group: { word, terms: distinctTerms(terms), parts }, corrected };
}

/** "whats app" is "whatsapp" too, where the catalogue has that word. */
export function joinNeighbours(
  groups: readonly WordGroup[],
  known: ReadonlySet<string>,
): readonly WordGroup[] {
  const at = groups.findIndex((group, at) => known.has(group.word + (groups[at + 1]?.word ?? " ")));
  const [left, right] = groups.slice(at, at + 2);
  if (at === -1 || left === undefined || right === undefined) return groups;
  const word = left.word + right.word;
  const { terms } = wordGroup(word, { isLast: false });
  const joined = { word, terms, parts: [left, right] };
  return [...groups.slice(0, at), joined, ...groups.slice(at + 2)];
}

/** A correction is looked for as if it had been typed: with its plural and synonyms. */
function misspeltTerms(word: string): Term[] {
  return wordGroup(word, { isLast: false }).terms.map((term) => ({
    ...term,
    nearness: term.nearness * NEARNESS.misspelt,
  }));
}

/** The words within one slip, within two for a long word; the nearest first. */
export function nearestSpellings(word: string, others: readonly string[]): string[] {
  const most = word.length < MIN_INSIDE ? 0 : word.length < 8 ? 1 : 2;
  return [...new Set(others.flatMap((other) => [other, ...beginningsLike(word, other)]))]
    .filter((other) => Math.abs(other.length - word.length) <= most)
    .map((other) => ({ other, slips: slipsBetween(word, other) }))
    .filter(({ slips }) => slips > 0 && slips <= most)
    .toSorted(
      (a, b) => a.slips - b.slips || rankOfStart(word, a.other) - rankOfStart(word, b.other),
    )
    .slice(0, MAX_MISSPELT)
    .map(({ other }) => other);
}

/** A word that goes on after what was typed: "rechnug" is meant for "rechnung" of "rechnungen". */
function beginningsLike(word: string, other: string): string[] {
  if (word.length < MIN_BEGUN || other.length <= word.length + 1) return [];
  return [
    other.slice(0, word.length + 1),
    other.slice(0, word.length),
    other.slice(0, word.length - 1),
  ];
}

/** People seldom mistype the first letter. */
function rankOfStart(word: string, other: string): number {
  return word[0] === other[0] ? 0 : 1;
}

/** Letters to add, leave out, replace or swap with their neighbour (optimal string alignment). */
function slipsBetween(a: string, b: string): number {
  let before: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      row.push(cheapest({ a, b, i, j, above, before, left: row[j - 1] ?? 0 }));
    }
    [before, above] = [above, row];
  }
  return above[b.length] ?? 0;
}

interface Cell {
  readonly a: string;
  readonly b: string;
  readonly i: number;
  readonly j: number;
  readonly above: readonly number[];
  readonly before: readonly number[];
  readonly left: number;
}

function cheapest({ a, b, i, j, above, before, left }: Cell): number {
  const replaced = (above[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
  const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
  const swapped = isSwap ? (before[j - 2] ?? 0) + 1 : Infinity;
  return Math.min(replaced, swapped, (above[j] ?? 0) + 1, left + 1);
}
