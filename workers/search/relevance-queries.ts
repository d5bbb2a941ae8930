import { z } from "zod";
import { parseCard } from "./card.ts";
import type { ListedCard, StoredCard } from "./card.ts";
import { cardRow, parseRows, toCard } from "./queries.ts";
import type { SearchReader } from "./queries.ts";
import { CANDIDATES, COLUMN_WEIGHTS } from "./rank.ts";
import type { Candidate } from "./rank.ts";

/** FTS5 takes the weights as text: `ORDER BY bm25(…)` would read every match instead of the best. */
const RANK = `bm25(${Object.values(COLUMN_WEIGHTS)
  .map((weight) => weight.toFixed(1))
  .join(", ")})`;

const candidateRow = z.object({
  id: z.int(),
  bm25: z.number(),
  name: z.string(),
  title_words: z.string(),
  downloads: z.int(),
  rating: z.number().nullable(),
  verified: z.int(),
  updated_at: z.int(),
  sunk: z.int(),
});

/** The best matches by text alone. */
export async function listCandidates(search: SearchReader, match: string): Promise<Candidate[]> {
  const statement = search.prepare(
    `SELECT w.id, w.bm25, d.name, d.title_words, d.downloads, d.rating, d.verified, d.updated_at, d.sunk
     FROM (SELECT rowid AS id, rank AS bm25 FROM words
           WHERE words MATCH ? AND rank MATCH ? ORDER BY rank LIMIT ${CANDIDATES}) w
     CROSS JOIN docs d ON d.id = w.id`,
  );
  const rows = parseRows(candidateRow, await statement.bind(match, RANK).all());
  return rows.map(({ title_words, verified, updated_at, sunk, ...row }) => ({
    ...row,
    titleWords: title_words,
    verified: verified === 1,
    updatedAt: updated_at,
    sunk: sunk === 1,
  }));
}

const identifiedRow = cardRow.extend({ id: z.int() });

/** Cards of these ids in their order; ids that are gone are left out. */
export async function listCards(
  search: SearchReader,
  ids: readonly number[],
): Promise<ListedCard[]> {
  const statement = search.prepare(
    `SELECT d.id, d.card, d.downloads, d.rating FROM json_each(?) wanted
     CROSS JOIN docs d ON d.id = wanted.value`,
  );
  const rows = parseRows(identifiedRow, await statement.bind(JSON.stringify(ids)).all());
  const byId = new Map(rows.map((row) => [row.id, row]));
  return ids.flatMap((id) => byId.get(id) ?? []).map(toCard);
}

/** Whether a query finds anything. */
export async function findsAny(search: SearchReader, match: string): Promise<boolean> {
  const statement = search.prepare("SELECT rowid FROM words WHERE words MATCH ? LIMIT 1");
  return (await statement.bind(match).all()).results.length > 0;
}

const spellingRow = z.object({ card: z.string() });

/** The plugins whose names share the most letter triples with the query. */
export async function listSpellings(search: SearchReader, triples: string): Promise<StoredCard[]> {
  const statement = search.prepare(
    `SELECT d.card FROM (SELECT rowid AS id FROM spellings
       WHERE spellings MATCH ? ORDER BY rank LIMIT 20) s CROSS JOIN docs d ON d.id = s.id`,
  );
  const rows = parseRows(spellingRow, await statement.bind(triples).all());
  return rows.map(({ card }) => parseCard(card));
}
