import type { Listing } from "../listing.ts";
import { cardOf, languagesOf } from "./card.ts";
import { foldWords } from "./fold-text.ts";
import { pluginFacets, pluginTags } from "./tags.ts";
import type { PluginFacts } from "./tags.ts";

/**
 * Writes what the catalogue finds and shows of a plugin. Repeating it changes nothing, and an older
 * listing never replaces a newer one.
 */
export async function writeSearchDoc(search: D1Database, listing: Listing): Promise<void> {
  await searchDocStatement(search, listing).run();
}

/** The one statement that writes a plugin, for a batch: indexes and counts follow by trigger. */
export function searchDocStatement(search: D1Database, listing: Listing): D1PreparedStatement {
  const facts = pluginFacts(listing);
  const { manifest, publisher } = listing;
  return search
    .prepare(UPSERT)
    .bind(
      listing.name,
      JSON.stringify(cardOf(listing)),
      folded([listing.name]),
      folded(languagesOf(manifest.displayName ?? "")),
      folded(languagesOf(manifest.description ?? "")),
      folded([...manifest.keywords, ...facts.categories, publisher.name, publisher.displayName]),
      pluginTags(facts).join(" "),
      JSON.stringify(pluginFacets(facts)),
      listing.createdAt,
      listing.updatedAt,
      Number(publisher.verified),
      Number(listing.deprecated !== null || listing.yanked !== null),
    );
}

/** Takes a plugin out of search and browse; without it being there, nothing happens. */
export async function removeSearchDoc(search: D1Database, name: string): Promise<void> {
  await search.prepare("DELETE FROM docs WHERE name = ?").bind(name).run();
}

const COLUMNS = [
  "name",
  "card",
  "name_words",
  "title_words",
  "summary_words",
  "keyword_words",
  "tags",
  "facets",
  "created_at",
  "updated_at",
  "verified",
  "sunk",
] as const;

const UPSERT = `INSERT INTO docs (${COLUMNS.join(", ")}) VALUES (${COLUMNS.map(() => "?").join(", ")})
  ON CONFLICT (name) DO UPDATE SET ${COLUMNS.map((column) => `${column} = excluded.${column}`).join(", ")}
  WHERE excluded.updated_at >= docs.updated_at`;

function pluginFacts({ manifest, publisher, paid }: Listing): PluginFacts {
  return {
    categories: manifest.categories,
    permissions: manifest.permissions.map(({ code }) => code),
    network: manifest.network,
    price: paid ? "paid" : "free",
    verified: publisher.verified,
    hostRange: manifest.engines["rising-bsm"] ?? null,
  };
}

function folded(texts: readonly string[]): string {
  return texts.flatMap(foldWords).join(" ");
}
