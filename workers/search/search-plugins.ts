import { browsePage } from "./browse-page.ts";
import { lettersOf, planCommon } from "./common-words.ts";
import type { Plan } from "./common-words.ts";
import { foldWords } from "./fold-text.ts";
import { helpWithFilters } from "./help.ts";
import { matchExpression } from "./match.ts";
import type { SearchReader } from "./queries.ts";
import { SEARCH_LIMITS } from "./read-request.ts";
import type { SearchRequest } from "./read-request.ts";
import { correction, relevancePage } from "./relevance-page.ts";
import type { Prepared, SearchContext, SearchPage } from "./search-page.ts";
import { withoutFillers } from "./stem.ts";
import { filterTags } from "./tags.ts";
import { listCommon } from "./vocabulary-queries.ts";
import { wordGroups } from "./word-group.ts";

/** One page of the catalogue: found by words and filters, in the order of a ranking or a sort. */
export async function searchPlugins(
  context: SearchContext,
  request: SearchRequest,
): Promise<SearchPage> {
  const words = withoutFillers(foldWords(request.wanted)).slice(0, SEARCH_LIMITS.words);
  if (request.wanted !== "" && words.length === 0) {
    return { cards: [], nextCursor: null, prevCursor: null };
  }
  const prepared = await prepare(context, request, words);
  const { sort } = request;
  if (sort === "relevance") return relevancePage(context, prepared);
  const page = await browsePage(context, { ...prepared, sort });
  if (page.cards.length > 0 || request.cursor !== null) return page;
  const help = await helpWithFilters(context.search, prepared);
  return {
    ...page,
    ...(help.length === 0 ? {} : { help: { withoutWords: [], withoutFilters: help } }),
    ...(await correction(context, prepared)),
  };
}

async function prepare(
  { search, cursorSecret }: SearchContext,
  request: SearchRequest,
  words: readonly string[],
): Promise<Prepared> {
  const meant = wordGroups(words);
  const tags = filterTags(request.filters);
  // Which words are common changes; what a cursor belongs to does not.
  const query = `${request.sort}\n${matchExpression({ groups: meant, need: "all", tags })}`;
  const key = { secret: cursorSecret, query };
  // The ids of a ranking are in its cursor.
  const isRanked = request.sort === "relevance" && request.cursor !== null;
  const plan: Plan = isRanked ? { groups: meant, common: [] } : await planWords(search, meant);
  const match = matchExpression({ groups: plan.groups, need: "all", tags });
  return { request, words, ...plan, match, key };
}

const MAX_LETTERS = 8;

async function planWords(search: SearchReader, groups: Plan["groups"]): Promise<Plan> {
  if (groups.length === 0) return { groups, common: [] };
  return planCommon(groups, await listCommon(search, lettersOf(groups).slice(0, MAX_LETTERS)));
}
