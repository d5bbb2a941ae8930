import type { Bindings } from "../env.ts";
import type { Listing } from "../listing.ts";
import type { Pass } from "../log/run-pass.ts";
import { purgePlugins } from "../page-cache/purge-plugins.ts";
import { removeSearchDoc, writeSearchDoc } from "../search/index-plugin.ts";
import { markBuiltIfNew } from "../search/rebuild.ts";
import { forEachOf } from "./for-each-of.ts";
import { searchListingOf } from "./listing-of.ts";
import { loadListingFacts, markSearched, WITHDRAWN } from "./queries.ts";
import type { ListingFacts } from "./queries.ts";

/** Brings what search finds of these plugins up to what the database says. */
export async function writeListings(
  pass: Pass,
  listed: readonly { plugin: string }[],
): Promise<void> {
  const due = await loadDue(pass, listed);
  if (due.length === 0) return;
  // Copies are answered while search fails, so a takedown does not wait for its row. Until that is gone
  // new ones show it: all are purged after it too, which makes a failure here good.
  const withdrawn = due.filter(({ isWithdrawn }) => isWithdrawn);
  await Promise.allSettled([purgePlugins(pass.env, withdrawn)]);
  await markBuiltIfNew(pass.env, pass.db);
  const changed = await forEachOf(due, pass.failures, (listing) => writeRow(pass.env, listing));
  const marked = purgePlugins(pass.env, changed).then(() => markSearched(pass.db, changed));
  await Promise.allSettled([marked]);
  await forEachOf(changed, pass.failures, () => marked);
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
  listed: readonly { plugin: string }[],
): Promise<DueListing[]> {
  if (listed.length === 0) return [];
  const names = listed.map(({ plugin }) => plugin);
  const behind = (await loadListingFacts(db, names))
    .filter(({ searchRevision, revision }) => searchRevision < revision)
    .map((facts) => ({ plugin: facts.name, facts }));
  const due: DueListing[] = [];
  await forEachOf(behind, failures, async ({ plugin, facts }) => {
    const { revision, counts, hasYanked, searchRevision } = facts;
    const listing = searchListingOf(facts);
    const isWithdrawn = listing === null || hasYanked === 1 || searchRevision === WITHDRAWN;
    due.push({ plugin, revision, listing, counts, isWithdrawn });
  });
  return due;
}

async function writeRow({ SEARCH }: Bindings, row: DueListing): Promise<void> {
  const { plugin, listing, counts } = row;
  if (listing === null) await removeSearchDoc(SEARCH, plugin);
  else await writeSearchDoc(SEARCH, listing, counts);
}
