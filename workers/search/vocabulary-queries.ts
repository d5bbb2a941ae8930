import { z } from "zod";
import { parseRows } from "./queries.ts";
import type { SearchReader } from "./queries.ts";

/** Words of the vocabulary that are looked at for one of the query's. */
const ALIKE = 12;
const AROUND = 8;
const MAX_LETTERS = 24;

const wordRow = z.object({ word: z.string() });

/** The words that share the most threes of letters with this one. */
export function listAlike(search: SearchReader, word: string): Promise<string[]> {
  const letters = Array.from(`__${word.slice(0, MAX_LETTERS)}__`);
  const threes = letters.slice(2).map((_, at) => `"${letters.slice(at, at + 3).join("")}"`);
  return listByLetters(search, threes.join(" OR "), ALIKE);
}

/** The words that have this one inside, the shortest first. */
export function listAround(search: SearchReader, word: string): Promise<string[]> {
  return listByLetters(search, `"${word.slice(0, MAX_LETTERS)}"`, AROUND);
}

async function listByLetters(
  search: SearchReader,
  match: string,
  limit: number,
): Promise<string[]> {
  const statement = search.prepare(
    `SELECT t.word FROM (SELECT rowid AS id FROM term_grams
       WHERE term_grams MATCH ? ORDER BY rank LIMIT ${limit}) g CROSS JOIN terms t ON t.id = g.id`,
  );
  return parseRows(wordRow, await statement.bind(match).all()).map(({ word }) => word);
}

/** Which of these words some plugin has. */
export async function listKnown(
  search: SearchReader,
  words: readonly string[],
): Promise<Set<string>> {
  const statement = search.prepare(
    "SELECT t.word FROM json_each(?) asked CROSS JOIN terms t ON t.word = asked.value",
  );
  const rows = parseRows(wordRow, await statement.bind(JSON.stringify(words)).all());
  return new Set(rows.map(({ word }) => word));
}

const commonRow = z.object({ words: z.string() });
const wordList = z.array(z.string());

/** The common words and beginnings (these with "*") under these first letters. */
export async function listCommon(
  search: SearchReader,
  letters: readonly string[],
): Promise<string[]> {
  const statement = search.prepare(
    "SELECT c.words FROM json_each(?) asked CROSS JOIN common_words c ON c.letter = asked.value",
  );
  const rows = parseRows(commonRow, await statement.bind(JSON.stringify(letters)).all());
  return rows.flatMap(({ words }) => wordList.parse(JSON.parse(words)));
}
