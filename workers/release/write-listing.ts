import type { Listing } from "../listing.ts";
import type { Pass } from "../log/run-pass.ts";
import type { Version } from "../schema.ts";
import { removeSearchDoc, writeSearchDoc } from "../search/index-plugin.ts";
import { storedManifest } from "../stored-manifest.ts";
import { forEachOf } from "./for-each-of.ts";
import { loadListingFacts, markSearched } from "./queries.ts";
import type { ListingFacts, Owner } from "./queries.ts";

/** Brings what search finds of these plugins up to what their documents say. */
export async function writeListings(
  pass: Pass,
  documented: readonly { plugin: string }[],
): Promise<void> {
  await forEachOf(documented, pass.failures, ({ plugin }) => writeListing(pass, plugin));
}

async function writeListing({ env, db }: Pass, plugin: string): Promise<void> {
  const facts = await loadListingFacts(db, plugin);
  const { owner, newest } = facts;
  if (owner === undefined || owner.searchRevision >= owner.revision) return;
  if (newest === undefined || owner.removedAt !== null) await removeSearchDoc(env.SEARCH, plugin);
  else await writeSearchDoc(env.SEARCH, toListing(owner, newest, facts));
  await markSearched(db, { plugin, revision: owner.revision });
}

function toListing(
  owner: Owner,
  newest: Version,
  { isYanked, createdAt }: Pick<ListingFacts, "isYanked" | "createdAt">,
): Listing {
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
