import type { Bindings } from "../env.ts";
import type { Listing } from "../listing.ts";
import type { Pass } from "../log/run-pass.ts";
import { purgePlugins } from "../page-cache/purge-plugins.ts";
import { removeSearchDoc, writeSearchDoc } from "../search/index-plugin.ts";
import { markBuiltIfNew } from "../search/rebuild.ts";
import { forEachOf } from "./for-each-of.ts";
import { searchListingOf } from "./listing-of.ts";
import { loadListingFacts, markSearched } from "./queries.ts";
import type { ListingFacts } from "./queries.ts";

/** Brings what search finds of these plugins up to what their documents say. */
export async function writeListings(
  pass: Pass,
  documented: readonly { plugin: string }[],
): Promise<void> {
  const due = await loadDue(pass, documented);
  if (due.length === 0) return;
  // Copies are answered while search fails, so a takedown does not wait for its row. Until that is gone
  // new ones show it: all are purged after it too, which makes a failure here good.
  const withdrawn = due.filter(({ isWithdrawn }) => isWithdrawn);
  await Promise.allSettled([purgePlugins(pass.env, withdrawn)]);
  await markBuiltIfNew(pass.env, pass.db);
  const changed = await forEachOf(due, pass.failures, (listing) => writeRow(pass.env, listing));
  const purged = purgePlugins(pass.env, changed);
  await forEachOf(changed, pass.failures, async (listing) => {
    await purged;
    await markSearched(pass.db, listing);
  });
}

interface DueListing {
  readonly plugin: string;
  readonly revision: number;
  /** Null: not found any more. */
  readonly listing: Listing | null;
  readonly counts: ListingFacts["counts"];
  readonly isWithdrawn: boolean;
}

/** Those that search does not show as they are. */
async function loadDue(
  { db, failures }: Pass,
  documented: readonly { plugin: string }[],
): Promise<DueListing[]> {
  const due: DueListing[] = [];
  await forEachOf(documented, failures, async ({ plugin }) => {
    const facts = await loadListingFacts(db, plugin);
    if (facts === undefined || facts.searchRevision >= facts.revision) return;
    const { revision, counts, hasYanked } = facts;
    const listing = searchListingOf(facts);
    const isWithdrawn = listing === null || hasYanked === 1;
    due.push({ plugin, revision, listing, counts, isWithdrawn });
  });
  return due;
}

async function writeRow({ SEARCH }: Bindings, row: DueListing): Promise<void> {
  const { plugin, listing, counts } = row;
  if (listing === null) await removeSearchDoc(SEARCH, plugin);
  else await writeSearchDoc(SEARCH, listing, counts);
}
