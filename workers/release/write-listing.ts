import type { Pass } from "../log/run-pass.ts";
import { purgePlugins } from "../page-cache/purge-plugins.ts";
import { removeSearchDoc, writeSearchDoc } from "../search/index-plugin.ts";
import { forEachOf } from "./for-each-of.ts";
import { listingOf } from "./listing-of.ts";
import { loadListingFacts, markSearched } from "./queries.ts";

/** Brings what search finds of these plugins up to what their documents say. */
export async function writeListings(
  pass: Pass,
  documented: readonly { plugin: string }[],
): Promise<void> {
  const changed: ChangedListing[] = [];
  await forEachOf(documented, pass.failures, async ({ plugin }) => {
    const listing = await writeListing(pass, plugin);
    if (listing !== null) changed.push(listing);
  });
  const purged = purgePlugins(pass.env, changed);
  await forEachOf(changed, pass.failures, async (listing) => {
    await purged;
    await markSearched(pass.db, listing);
  });
}

interface ChangedListing {
  readonly plugin: string;
  readonly revision: number;
  readonly isWithdrawn: boolean;
}

/** Null: search shows it already. */
async function writeListing({ env, db }: Pass, plugin: string): Promise<ChangedListing | null> {
  const facts = await loadListingFacts(db, plugin);
  const { owner } = facts;
  if (owner === undefined || owner.searchRevision >= owner.revision) return null;
  const listing = listingOf(facts);
  const isFound = listing !== null && listing.manifest.visibility === "public";
  if (isFound) await writeSearchDoc(env.SEARCH, listing);
  else await removeSearchDoc(env.SEARCH, plugin);
  return { plugin, revision: owner.revision, isWithdrawn: !isFound || facts.hasYanked };
}
