import type { Listing } from "../listing.ts";
import { cardOf } from "./card.ts";
import { COUNT_COLUMNS, countColumns, NO_COUNTS } from "./counts.ts";
import type { Counts } from "./counts.ts";
import { listingWords } from "./listing-words.ts";
import { nameKey } from "./name-key.ts";
import { pluginFacets, pluginTags } from "./tags.ts";
import type { PluginFacts } from "./tags.ts";

/**
 * Writes what the catalogue finds and shows of a plugin. Repeating it changes nothing, and an older
 * listing never replaces a newer one.
 */
export async function writeSearchDoc(search: D1Database, listing: Listing): Promise<void> {
  await searchDocStatement(search, listing).run();
}

/**
 * The one statement that writes a plugin, for a batch: indexes and facets follow by trigger. The counts
 * are what a new row begins with; those of one that is there are `syncCounts()`'s.
 */
export function searchDocStatement(
  search: D1Database,
  listing: Listing,
  counts: Counts = NO_COUNTS,
): D1PreparedStatement {
  const columns = docColumns(listing);
  const counted = countColumns(counts);
  return search
    .prepare(UPSERT)
    .bind(
      ...COLUMNS.map((column) => columns[column]),
      ...COUNT_COLUMNS.map((column) => counted[column]),
    );
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
    sunk: Number(listing.deprecated !== null || listing.yanked !== null),
    name_key: nameKey(card),
  };
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

/** No id is given twice: pages of a ranking that is under way are looked up by them. */
const UPSERT = `INSERT INTO docs (${INSERTED.join(", ")}, id, generation)
  VALUES (${INSERTED.map(() => "?").join(", ")}, (SELECT last_id + 1 FROM search_state), ${GENERATION})
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
