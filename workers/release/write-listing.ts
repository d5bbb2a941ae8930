import type { Pass } from "../log/run-pass.ts";
import { removeSearchDoc, writeSearchDoc } from "../search/index-plugin.ts";
import { forEachOf } from "./for-each-of.ts";
import { listingOf } from "./listing-of.ts";
import { loadListingFacts, markSearched } from "./queries.ts";

/** Brings what search finds of these plugins up to what their documents say. */
export async function writeListings(
  pass: Pass,
  documented: readonly { plugin: string }[],
): Promise<void> {
  await forEachOf(documented, pass.failures, ({ plugin }) => writeListing(pass, plugin));
}

async function writeListing({ env, db }: Pass, plugin: string): Promise<void> {
  const facts = await loadListingFacts(db, plugin);
  const { owner } = facts;
  if (owner === undefined || owner.searchRevision >= owner.revision) return;
  const listing = listingOf(facts);
  const isFound = listing !== null && listing.manifest.visibility === "public";
  if (isFound) await writeSearchDoc(env.SEARCH, listing);
  else await removeSearchDoc(env.SEARCH, plugin);
  await markSearched(db, { plugin, revision: owner.revision });
}
