import { distinctTerms } from "./word-group.ts";
import type { Term, WordGroup } from "./word-group.ts";

/** A word that more plugins have is common: ranking all of them takes too long. */
const COMMON = 2_000;
/** Longest beginning that is counted. */
const MAX_BEGINNING = 8;
/** One as short has a doclist of its own in the index. */
const INDEXED_BEGINNING = 3;
const MAX_COMPLETIONS = 8;

/** The row of `common_words` for every letter behind z. */
const BEHIND_Z = "~";

/** The row of `common_words` in which a word would be. */
export function letterOf(word: string): string {
  const [first = BEHIND_Z] = word;
  return /[0-9a-z]/.test(first) ? first : BEHIND_Z;
}

function termsOf({ terms, parts }: WordGroup): readonly Term[] {
  return [...terms, ...parts.flatMap(termsOf)];
}

/** First letters of what the groups look for, the typed words before their synonyms. */
export function lettersOf(groups: readonly WordGroup[]): string[] {
  const terms = groups.flatMap(termsOf);
  const sorted = terms.toSorted((a, b) => b.nearness - a.nearness);
  return [...new Set(sorted.map(({ text }) => letterOf(text)))];
}

/** The common words and beginnings (these with "*") under some first letters. */
export interface CommonWords {
  readonly letters: readonly string[];
  readonly words: readonly string[];
}

export interface Plan {
  /** What the index is asked for. */
  readonly asked: readonly WordGroup[];
  /** Words of the query that are common. Are all, the most popular plugins that have them are the answer. */
  readonly common: readonly string[];
}

/**
 * Looks for common beginnings as the common words that begin so: the index would put all plugins of
 * every such word together before it finds the first. A word under a letter that was not read may be
 * common, and is taken for it.
 */
export function planCommon(groups: readonly WordGroup[], { letters, words }: CommonWords): Plan {
  const read = new Set(letters);
  const known = new Set(words);
  const isRead = ({ text }: Term) => read.has(letterOf(text));
  const completions = (text: string) =>
    words.filter((word) => word.startsWith(text) && !word.endsWith("*")).slice(0, MAX_COMPLETIONS);
  const isCommon = (term: Term) =>
    !isRead(term) ||
    known.has(term.open ? `${term.text}*` : term.text) ||
    (term.open && completions(term.text).length > 0);
  const narrow = (term: Term): Term[] => {
    if (!term.open || term.text.length <= INDEXED_BEGINNING) return [term];
    const whole = { ...term, open: false };
    if (!isRead(term)) return [whole];
    const longer = completions(term.text).map((text) => ({ ...whole, text }));
    // Without a common word, a beginning is at most some words that are not.
    return longer.length === 0 ? [term] : [whole, ...longer];
  };
  const ask = (group: WordGroup): WordGroup => ({
    ...group,
    terms: distinctTerms(group.terms.flatMap(narrow)),
    parts: group.parts.map(ask),
  });
  const isCommonGroup = ({ terms, parts }: WordGroup): boolean =>
    terms.some(isCommon) || (parts.length > 0 && parts.every(isCommonGroup));
  return {
    asked: groups.map(ask),
    common: groups.filter(isCommonGroup).map(({ word }) => word),
  };
}

/** Counts the words of the letters that were counted longest ago. */
export async function countCommonWords(
  search: D1Database,
  { now, letters }: { now: Date; letters: number },
): Promise<void> {
  const { results } = await search
    .prepare("SELECT letter FROM common_words ORDER BY counted_at, letter LIMIT ?")
    .bind(letters)
    .all<{ letter: string }>();
  for (const { letter } of results) await countLetter(search, letter, now);
}

/** A word that no plugin has any more is no spelling to be suggested either. */
async function countLetter(search: D1Database, letter: string, now: Date): Promise<void> {
  const range =
    letter === BEHIND_Z
      ? ["{", String.fromCodePoint(0x10ffff)]
      : [letter, String.fromCodePoint((letter.codePointAt(0) ?? 0) + 1)];
  await search.batch([
    search.prepare(COUNT).bind(now.getTime(), letter, ...range),
    search.prepare(FORGET).bind(...range),
  ]);
}

const BEGINNINGS = JSON.stringify(Array.from({ length: MAX_BEGINNING - 1 }, (_, at) => at + 2));

const COUNT = `UPDATE common_words SET counted_at = ?1, words = (
    WITH found AS MATERIALIZED (SELECT term, doc FROM vocabulary WHERE term >= ?3 AND term < ?4)
    SELECT json_group_array(word) FROM (
      SELECT term AS word FROM found WHERE doc > ${COMMON}
      UNION ALL
      SELECT substr(term, 1, size.value) || '*' FROM found, json_each('${BEGINNINGS}') size
      WHERE length(term) >= size.value GROUP BY 1 HAVING sum(doc) > ${COMMON}))
  WHERE letter = ?2`;

const FORGET = `DELETE FROM terms WHERE word >= ?1 AND word < ?2
  AND NOT EXISTS (SELECT 1 FROM vocabulary WHERE term = terms.word)`;
