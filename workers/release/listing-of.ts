import type { Listing } from "../listing.ts";
import { iconPath } from "../media/details.ts";
import { storedManifest } from "../stored-manifest.ts";
import type { ListingFacts } from "./queries.ts";

/** The plugin as catalogue and pages show it; null when nothing of it is published, or it was removed. */
function listingOf(facts: ListingFacts): Listing | null {
  const { newest, isChoosable } = facts;
  if (newest === null || facts.removedAt !== null) return null;
  return {
    name: facts.name,
    publisher: {
      name: facts.publisher,
      displayName: facts.displayName,
      verified: facts.verified,
    },
    version: newest.version,
    manifest: storedManifest(newest),
    icon: iconPath(newest),
    paid: newest.paid,
    yanked: isChoosable === 1 ? null : newest.yankedReason,
    deprecated: newest.deprecatedReason,
    createdAt: facts.createdAt,
    updatedAt: facts.updatedAt,
  };
}

/** The same as search finds it: null also when it is not for everybody. */
export function searchListingOf(facts: ListingFacts): Listing | null {
  const listing = listingOf(facts);
  return listing?.manifest.visibility === "public" ? listing : null;
}
