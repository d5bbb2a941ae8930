import { RbsmError } from "@rising-bsm/protocol";
import { browsePage } from "./browse-page.ts";
import { foldWords } from "./fold-text.ts";
import { helpWithFilters } from "./help.ts";
import { matchOf, planWords } from "./plan-words.ts";
import { SEARCH_LIMITS } from "./read-request.ts";
import type { SearchRequest } from "./read-request.ts";
import { correction, relevancePage } from "./relevance-page.ts";
import type { Prepared, SearchContext, SearchPage } from "./search-page.ts";
import { withoutFillers } from "./stem.ts";
import { wordGroups } from "./word-group.ts";

/** One page of the catalogue: found by words and filters, in the order of a ranking or a sort. */
export async function searchPlugins(
  context: SearchContext,
  request: SearchRequest,
): Promise<SearchPage> {
  const words = withoutFillers(foldWords(request.wanted)).slice(0, SEARCH_LIMITS.words);
  if (request.wanted !== "" && words.length === 0) return pageOfSigns(request);
  const prepared = await prepare(context, request, words);
  const { sort } = request;
  if (sort === "relevance") return relevancePage(context, prepared);
  const page = await browsePage(context, { ...prepared, sort });
  if (page.cards.length > 0 || request.cursor !== null) return page;
  const withoutFilters = await helpWithFilters(context.search, prepared);
  // What is found without a filter is not misspelt.
  return withoutFilters.length > 0
    ? { ...page, help: { withoutWords: [], withoutFilters } }
    : { ...page, ...(await correction(context, prepared)) };
}

/** No plugin has signs, and no page of them has led to another. */
function pageOfSigns({ wanted, cursor }: SearchRequest): SearchPage {
  if (cursor !== null) throw new RbsmError("cursor_invalid");
  const withoutWords = wanted.split(/\s+/).slice(0, SEARCH_LIMITS.words);
  const help = { withoutWords, withoutFilters: [] };
  return { cards: [], nextCursor: null, prevCursor: null, help };
}

async function prepare(
  { search, cursorSecret }: SearchContext,
  request: SearchRequest,
  words: readonly string[],
): Promise<Prepared> {
  const groups = wordGroups(words);
  // Which words are common changes; what a cursor belongs to does not.
  const match = matchOf(groups, request.filters);
  const key = { secret: cursorSecret, query: `${request.sort}\n${match}` };
  // The ids of a ranking are in its cursor.
  const isRanked = request.sort === "relevance" && request.cursor !== null;
  const asked = isRanked
    ? { groups, asked: groups, common: [], match }
    : await planWords(search, groups, request.filters);
  return { request, words, ...asked, key };
}
