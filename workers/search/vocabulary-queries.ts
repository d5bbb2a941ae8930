import { z } from "zod";
import type { CommonWords } from "./common-words.ts";
import { parseRows } from "./queries.ts";
import type { SearchReader } from "./queries.ts";
import { slipsOf } from "./widen.ts";

/** Words of the vocabulary that are looked at for one of the query's. */
const AROUND = 12;
const MAX_LETTERS = 24;

const wordRow = z.object({ word: z.string() });

/** The words that are one slip away. */
export async function listAlike(
  search: SearchReader,
  word: string,
  limit: number,
): Promise<string[]> {
  const slips = slipsOf(word).map((text) => `"${text}"`);
  const statement = search.prepare(
    `SELECT t.word FROM (SELECT rowid AS id FROM term_slips
       WHERE term_slips MATCH ?1 ORDER BY rank LIMIT CAST(?2 AS INTEGER)) s CROSS JOIN terms t ON t.id = s.id`,
  );
  const rows = parseRows(wordRow, await statement.bind(slips.join(" OR "), limit).all());
  return rows.map((row) => row.word);
}

/** Words that have this one inside, the shortest first. They are not ranked: that would be to read all that have. */
export async function listAround(search: SearchReader, word: string): Promise<string[]> {
  const statement = search.prepare(
    `SELECT t.word FROM (SELECT rowid AS id FROM term_grams
       WHERE term_grams MATCH ? LIMIT ${AROUND}) g CROSS JOIN terms t ON t.id = g.id`,
  );
  const rows = await statement.bind(`"${word.slice(0, MAX_LETTERS)}"`).all();
  const found = parseRows(wordRow, rows).map((row) => row.word);
  return found.toSorted((a, b) => a.length - b.length);
}

/** Which of these words some plugin has. */
export async function listKnown(
  search: SearchReader,
  words: readonly string[],
): Promise<Set<string>> {
  const statement = search.prepare(`SELECT word FROM terms WHERE word IN (${marks(words)})`);
  const rows = parseRows(wordRow, await statement.bind(...words).all());
  return new Set(rows.map(({ word }) => word));
}

const commonRow = z.object({ words: z.string() });
const wordList = z.array(z.string());

/** The common words and beginnings under these first letters. */
export async function listCommon(
  search: SearchReader,
  letters: readonly string[],
): Promise<CommonWords> {
  const statement = search.prepare(
    `SELECT words FROM common_words WHERE letter IN (${marks(letters)})`,
  );
  const rows = parseRows(commonRow, await statement.bind(...letters).all());
  return { letters, words: rows.flatMap(({ words }) => wordList.parse(JSON.parse(words))) };
}

/** Bound one by one: D1 bills each element of a JSON list as a row. */
function marks(values: readonly string[]): string {
  return values.map(() => "?").join(", ");
}
