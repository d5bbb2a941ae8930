import type { Listing } from "../listing.ts";
import { cardOf } from "./card.ts";
import { COUNT_COLUMNS, countColumns, NO_COUNTS } from "./counts.ts";
import type { Counts } from "./counts.ts";
import { listingWords } from "./listing-words.ts";
import type { ListingWords } from "./listing-words.ts";
import { nameKey } from "./name-key.ts";
import { SUNK } from "./rank.ts";
import { pluginFacets, pluginTags } from "./tags.ts";
import type { PluginFacts } from "./tags.ts";

/** A plugin to be written, and the counts that a new row of it begins with. */
export interface SearchEntry {
  readonly listing: Listing;
  readonly counts: Counts;
}

/**
 * Writes what the catalogue finds and shows of a plugin. Repeating it changes nothing, and an older
 * listing never replaces a newer one.
 */
export async function writeSearchDoc(
  search: D1Database,
  listing: Listing,
  counts: Counts = NO_COUNTS,
): Promise<void> {
  await search.batch(searchDocStatements(search, [{ listing, counts }]));
}

/**
 * The statements that write plugins, for a batch: indexes and facets follow by trigger. They are few,
 * since SQLite takes longer to read one, with all its triggers, than to write a plugin. The counts of
 * one that is there are `syncCounts()`'s.
 */
export function searchDocStatements(
  search: D1Database,
  entries: readonly SearchEntry[],
): D1PreparedStatement[] {
  return inParts(entries.map(rowOf)).map((rows) => search.prepare(UPSERT).bind(`[${rows.join()}]`));
}

/** Values of `INSERTED`, as JSON. */
function rowOf({ listing, counts }: SearchEntry): string {
  const columns = { ...docColumns(listing), ...countColumns(counts) };
  return JSON.stringify(INSERTED.map((column) => columns[column]));
}

/** D1 takes 2 MB of text; a character has up to three bytes. */
const PART_CHARS = 500_000;

/** The texts in order, in parts that are not too long for a statement. */
function inParts(texts: readonly string[]): string[][] {
  const parts: string[][] = [];
  let room = 0;
  for (const text of texts) {
    room -= text.length + 1;
    if (room < 0) {
      parts.push([]);
      room = PART_CHARS - text.length;
    }
    parts.at(-1)?.push(text);
  }
  return parts;
}

/** What its row says of a plugin, beside its counts. */
export function docColumns(listing: Listing): Record<(typeof COLUMNS)[number], string | number> {
  const facts = pluginFacts(listing);
  const card = cardOf(listing);
  const words = listingWords(listing);
  return {
    name: listing.name,
    card: JSON.stringify(card),
    name_words: words.name,
    title_words: words.title,
    summary_words: words.summary,
    keyword_words: words.keywords,
    labels: JSON.stringify(words.labels),
    tags: pluginTags(facts).join(" "),
    facets: JSON.stringify(pluginFacets(facts)),
    created_at: listing.createdAt,
    updated_at: listing.updatedAt,
    verified: Number(listing.publisher.verified),
    sunk: sunkOf(listing, words),
    name_key: nameKey(card),
  };
}

function sunkOf({ deprecated, yanked }: Listing, { saysNothing }: ListingWords): number {
  if (deprecated !== null || yanked !== null) return SUNK.left;
  return saysNothing ? SUNK.empty : SUNK.no;
}

/** Takes a plugin out of search and browse; without it being there, nothing happens. */
export async function removeSearchDoc(search: D1Database, name: string): Promise<void> {
  await search.prepare("DELETE FROM docs WHERE name = ?").bind(name).run();
}

export const COLUMNS = [
  "name",
  "card",
  "name_words",
  "title_words",
  "summary_words",
  "keyword_words",
  "labels",
  "tags",
  "facets",
  "created_at",
  "updated_at",
  "verified",
  "sunk",
  "name_key",
] as const;

const INSERTED = [...COLUMNS, ...COUNT_COLUMNS];

/** A rebuild knows by the generation what was written since it began. */
const GENERATION = "(SELECT coalesce(rebuilding, generation) FROM search_state)";

/**
 * No id is given twice: pages of a ranking that is under way are looked up by them. Those that have one
 * are numbered last, so that they leave no gaps.
 */
const UPSERT = `INSERT INTO docs (${INSERTED.join(", ")}, id, generation)
  SELECT ${INSERTED.map((_, at) => `e.value ->> ${at}`).join(", ")},
    coalesce(d.id, (SELECT last_id FROM search_state)
      + row_number() OVER (ORDER BY d.id IS NOT NULL, e.key)),
    ${GENERATION}
  FROM json_each(?) e LEFT JOIN docs d ON d.name = e.value ->> 0 WHERE true
  ON CONFLICT (name) DO UPDATE SET ${COLUMNS.map((column) => `${column} = excluded.${column}`).join(", ")},
    generation = excluded.generation
  WHERE excluded.updated_at >= docs.updated_at OR docs.generation < ${GENERATION}`;

function pluginFacts({ manifest, publisher, paid }: Listing): PluginFacts {
  return {
    categories: manifest.categories,
    permissions: manifest.permissions.map(({ code }) => code),
    network: manifest.network,
    price: paid ? "paid" : "free",
    verified: publisher.verified,
    license: manifest.license ?? null,
    hostRange: manifest.engines["rising-bsm"] ?? null,
  };
}
