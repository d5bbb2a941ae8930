import { readDatabase } from "../database.ts";
import type { Bindings } from "../env.ts";
import { listingOf } from "../release/listing-of.ts";
import { loadListingFacts } from "../release/queries.ts";
import { cardOf } from "../search/card.ts";
import type { ListedCard } from "../search/card.ts";

/**
 * The card of a plugin that search has none of, because it is not public; null for any other. Whether
 * the caller may see it is not decided here: that of a private plugin is its owner's alone.
 */
export async function findUnlistedCard(
  env: Bindings,
  plugin: string,
): Promise<{ readonly card: ListedCard; readonly isPrivate: boolean } | null> {
  const listing = listingOf(await loadListingFacts(readDatabase(env), plugin));
  if (listing === null || listing.manifest.visibility === "public") return null;
  const card = { ...cardOf(listing), downloads: 0, rating: null };
  return { card, isPrivate: listing.manifest.visibility === "private" };
}
