import { browsePage } from "./browse-page.ts";
import { foldWords } from "./fold-text.ts";
import { matchExpression } from "./match.ts";
import { SEARCH_LIMITS } from "./read-request.ts";
import type { SearchRequest } from "./read-request.ts";
import { correction, relevancePage } from "./relevance-page.ts";
import type { SearchContext, SearchPage } from "./search-page.ts";
import { filterTags } from "./tags.ts";

/** One page of the catalogue: found by words and filters, in the order of a ranking or a sort. */
export async function searchPlugins(
  context: SearchContext,
  request: SearchRequest,
): Promise<SearchPage> {
  const words = foldWords(request.text).slice(0, SEARCH_LIMITS.words);
  if (request.text !== "" && words.length === 0) {
    return { cards: [], nextCursor: null, prevCursor: null };
  }
  const match = matchExpression({ words, need: "all", tags: filterTags(request.filters) });
  const key = { secret: context.cursorSecret, query: `${request.sort}\n${match}` };
  const prepared = { request, words, match, key };
  const { sort } = request;
  if (sort === "relevance") return relevancePage(context, prepared);
  const page = await browsePage(context, { ...prepared, sort });
  if (page.cards.length > 0 || request.cursor !== null) return page;
  return { ...page, ...(await correction(context.search, prepared)) };
}
