import { stem } from "./stem.ts";
import { synonymsOf } from "./synonyms.ts";

/** One way in which a plugin may say what is looked for. */
export interface Term {
  /** Folded. */
  readonly text: string;
  /** The text is the beginning of a word. */
  readonly open: boolean;
  /** How near it is to what was typed, 0 to 1. */
  readonly nearness: number;
}

/** A word of the query: one of its terms is enough, or one of each group of a compound's parts. */
export interface WordGroup {
  readonly word: string;
  readonly terms: readonly Term[];
  readonly parts: readonly WordGroup[];
}

export const NEARNESS = {
  same: 1,
  inflected: 0.9,
  beginning: 0.85,
  synonym: 0.7,
  part: 0.65,
  inside: 0.6,
  misspelt: 0.55,
} as const;

/** A shorter last word is not taken as a beginning: it would match half the catalogue. */
const MIN_BEGINNING = 2;
/** A shorter word in the middle is what it is: nobody abbreviates to so little. */
const MIN_INNER_BEGINNING = 4;

/** What a query means before the catalogue's own words are looked at. */
export function wordGroups(words: readonly string[]): WordGroup[] {
  return words.map((word, at) => wordGroup(word, { isLast: at === words.length - 1 }));
}

export function wordGroup(word: string, { isLast }: { isLast: boolean }): WordGroup {
  const beginning = isLast ? MIN_BEGINNING : MIN_INNER_BEGINNING;
  const root = stem(word);
  return {
    word,
    parts: [],
    terms: distinctTerms([
      { text: word, open: false, nearness: NEARNESS.same },
      ...(word.length >= beginning
        ? [{ text: word, open: true, nearness: NEARNESS.beginning }]
        : []),
      ...(root === word ? [] : [{ text: root, open: true, nearness: NEARNESS.inflected }]),
      ...synonymTerms(word),
    ]),
  };
}

function synonymTerms(word: string): Term[] {
  return synonymsOf(word).map((other) => {
    const root = stem(other);
    return {
      text: root,
      open: root.length >= MIN_INNER_BEGINNING,
      nearness: NEARNESS.synonym,
    };
  });
}

/** Each term once, as near as it is anywhere. */
export function distinctTerms(terms: readonly Term[]): Term[] {
  const nearest = new Map<string, Term>();
  for (const term of terms) {
    const key = `${term.text}${term.open ? "*" : ""}`;
    if ((nearest.get(key)?.nearness ?? 0) < term.nearness) nearest.set(key, term);
  }
  return [...nearest.values()];
}

/** How well a list of words has what the group asks for, 0 to 1. */
export function nearness(group: WordGroup, words: readonly string[]): number {
  const direct = Math.max(0, ...group.terms.map((term) => termNearness(term, words)));
  if (group.parts.length === 0) return direct;
  return Math.max(
    direct,
    Math.min(...group.parts.map((part) => nearness(part, words))) * NEARNESS.part,
  );
}

function termNearness({ text, open, nearness: most }: Term, words: readonly string[]): number {
  if (words.includes(text)) return most;
  return open && words.some((word) => word.startsWith(text)) ? most : 0;
}
