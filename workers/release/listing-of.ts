import type { Listing } from "../listing.ts";
import { storedManifest } from "../stored-manifest.ts";
import type { ListingFacts } from "./queries.ts";

/** The plugin as catalogue and pages show it; null when nothing of it is published, or it was removed. */
export function listingOf(facts: ListingFacts): Listing | null {
  const { owner, newest, isYanked, createdAt } = facts;
  if (owner === undefined || newest === undefined || owner.removedAt !== null) return null;
  return {
    name: newest.plugin,
    publisher: {
      name: owner.publisher,
      displayName: owner.displayName,
      verified: owner.verified,
    },
    version: newest.version,
    manifest: storedManifest(newest),
    paid: newest.paid,
    yanked: isYanked ? newest.yankedReason : null,
    deprecated: newest.deprecatedReason,
    createdAt,
    updatedAt: owner.updatedAt,
  };
}
