import { z } from "zod";
import type { ListedCard } from "./card.ts";
import { cardRow, parseRows, toCard } from "./queries.ts";
import type { SearchReader } from "./queries.ts";
import { COLUMN_WEIGHTS } from "./rank.ts";
import type { Candidate } from "./rank.ts";
import { ID_MASK, SORTS } from "./sorts.ts";
import { isLeft } from "./tags.ts";
import type { TagFilter } from "./tags.ts";

/** Plugins of one name that are candidates, and that are looked at for them. */
const NAMED = 10;
const NAMED_ALIKE = 30;

/** FTS5 takes the weights as text: `ORDER BY bm25(…)` would read every match instead of the best. */
const RANK = `bm25(${Object.values(COLUMN_WEIGHTS)
  .map((weight) => weight.toFixed(1))
  .join(", ")})`;

/** Longer descriptions are ranked by their beginning. */
const SUMMARY_CHARS = 800;

const CANDIDATE_COLUMNS = `d.id, d.name_words, d.title_words, d.keyword_words, d.labels, d.downloads,
  iif(d.rating IS NULL, NULL, d.score / 1000000.0) AS rating, d.verified, d.updated_at, d.sunk, substr(d.summary_words, 1, ${SUMMARY_CHARS}) AS summary_words`;

const candidateRow = z.object({
  id: z.int(),
  name_words: z.string(),
  title_words: z.string(),
  summary_words: z.string(),
  keyword_words: z.string(),
  labels: z.string(),
  downloads: z.int(),
  rating: z.number().nullable(),
  verified: z.int(),
  updated_at: z.int(),
  sunk: z.int(),
});

const labelList = z.array(z.string());

function toCandidates(rows: { results: unknown[] }): Candidate[] {
  return parseRows(candidateRow, rows).map((row) => ({
    id: row.id,
    nameWords: row.name_words,
    titleWords: row.title_words,
    summaryWords: row.summary_words,
    keywordWords: row.keyword_words,
    labels: labelList.parse(JSON.parse(row.labels)),
    downloads: row.downloads,
    rating: row.rating,
    verified: row.verified === 1,
    updatedAt: row.updated_at,
    sunk: row.sunk,
  }));
}

/** The most popular plugins that match: nothing is scored, so a common word costs what a rare one does. */
export async function listPopularCandidates(
  search: SearchReader,
  match: string,
  limit: number,
): Promise<Candidate[]> {
  const statement = search.prepare(
    `SELECT ${CANDIDATE_COLUMNS}
     FROM (SELECT rowid AS position FROM ${SORTS.popular}
           WHERE words MATCH (SELECT '(' || ?1 || ') NOT _out_' || epoch FROM search_state WHERE id = 1)
           ORDER BY rowid DESC LIMIT CAST(?2 AS INTEGER)) p
     CROSS JOIN docs d ON d.id = p.position & ${ID_MASK}`,
  );
  return toCandidates(await statement.bind(match, limit).all());
}

/** The plugins whose text matches best. */
export async function listBestCandidates(
  search: SearchReader,
  match: string,
  limit: number,
): Promise<Candidate[]> {
  const statement = search.prepare(
    `SELECT ${CANDIDATE_COLUMNS}
     FROM (SELECT rowid AS id FROM words
           WHERE words MATCH ?1 AND rank MATCH ?2 ORDER BY rank LIMIT CAST(?3 AS INTEGER)) w
     CROSS JOIN docs d ON d.id = w.id`,
  );
  return toCandidates(await statement.bind(match, RANK, limit).all());
}

/** Plugins that are called like one of the labels, and that the filters leave. */
export async function listNamed(
  search: SearchReader,
  labels: readonly string[],
  filters: string,
): Promise<Candidate[]> {
  const statement = search.prepare(
    `SELECT DISTINCT ${CANDIDATE_COLUMNS}
     FROM (SELECT l.id FROM json_each(?1) asked CROSS JOIN labels l ON l.label = asked.value
           LIMIT ${NAMED_ALIKE}) named
     CROSS JOIN words w ON w.rowid = named.id AND w.words MATCH ?2
     CROSS JOIN docs d ON d.id = named.id LIMIT ${NAMED}`,
  );
  return toCandidates(await statement.bind(JSON.stringify(labels), filters).all());
}

const identifiedRow = cardRow.extend({ id: z.int(), tags: z.string() });

/** Cards of these ids in their order, without those that are gone or that the filters no longer leave. */
export async function listCards(
  search: SearchReader,
  ids: readonly number[],
  filters: TagFilter,
): Promise<ListedCard[]> {
  const statement = search.prepare(
    `SELECT d.id, d.tags, d.card, d.downloads, d.rating FROM json_each(?) wanted
     CROSS JOIN docs d ON d.id = wanted.value`,
  );
  const rows = parseRows(identifiedRow, await statement.bind(JSON.stringify(ids)).all());
  const left = rows.filter(({ tags }) => isLeft(tags, filters));
  const byId = new Map(left.map((row) => [row.id, row]));
  return ids.flatMap((id) => byId.get(id) ?? []).map(toCard);
}

/** How many plugins match, as far as `limit`. */
export async function countUpTo(
  search: SearchReader,
  match: string,
  limit: number,
): Promise<number> {
  const statement = search.prepare(
    "SELECT rowid FROM words WHERE words MATCH ?1 LIMIT CAST(?2 AS INTEGER)",
  );
  return (await statement.bind(match, limit).all()).results.length;
}
