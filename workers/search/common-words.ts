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

/** First letters of what the groups look for, the typed words before their synonyms. */
export function lettersOf(groups: readonly WordGroup[]): string[] {
  const terms = groups.flatMap((group) => group.terms);
  const sorted = terms.toSorted((a, b) => b.nearness - a.nearness);
  return [...new Set(sorted.map(({ text }) => letterOf(text)))];
}

export interface Plan {
  readonly groups: readonly WordGroup[];
  /** Words of the query that are common. Are all, the most popular plugins that have them are the answer. */
  readonly common: readonly string[];
}

/**
 * Looks for common beginnings as the common words that begin so: the index would put all plugins of
 * every such word together before it finds the first.
 */
export function planCommon(groups: readonly WordGroup[], common: readonly string[]): Plan {
  const known = new Set(common);
  const isCommon = ({ text, open }: Term) =>
    known.has(open ? `${text.slice(0, MAX_BEGINNING)}*` : text);
  const completions = (text: string) =>
    common.filter((word) => word.startsWith(text) && !word.endsWith("*")).slice(0, MAX_COMPLETIONS);
  const narrow = (term: Term): Term[] => {
    if (!term.open || term.text.length <= INDEXED_BEGINNING || !isCommon(term)) return [term];
    const exact = { ...term, open: false };
    const longer = completions(term.text).map((text) => ({ ...exact, text }));
    return [exact, ...longer];
  };
  return {
    groups: groups.map((group) => ({ ...group, terms: group.terms.flatMap(narrow) })),
    common: groups.filter(({ terms }) => terms.some(isCommon)).map(({ word }) => word),
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
