import type { Pass } from "../log/run-pass.ts";
import { purgePlugins } from "../page-cache/purge-plugins.ts";
import { removeSearchDoc, searchDocStatement } from "../search/index-plugin.ts";
import { markBuiltIfNew } from "../search/rebuild.ts";
import { forEachOf } from "./for-each-of.ts";
import { searchListingOf } from "./listing-of.ts";
import { loadListingFacts, markSearched } from "./queries.ts";

/** Brings what search finds of these plugins up to what their documents say. */
export async function writeListings(
  pass: Pass,
  documented: readonly { plugin: string }[],
): Promise<void> {
  if (documented.length === 0) return;
  await markBuiltIfNew(pass.env, pass.db);
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
  if (facts === undefined || facts.searchRevision >= facts.revision) return null;
  const listing = searchListingOf(facts);
  if (listing === null) await removeSearchDoc(env.SEARCH, plugin);
  else await searchDocStatement(env.SEARCH, listing, facts.counts).run();
  const isWithdrawn = listing === null || facts.hasYanked === 1;
  return { plugin, revision: facts.revision, isWithdrawn };
}
