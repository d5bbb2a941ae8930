import { openCursor, sealCursor } from "./cursor.ts";
import { didYouMean } from "./did-you-mean.ts";
import { foldWords } from "./fold-text.ts";
import { matchExpression } from "./match.ts";
import type { SearchReader } from "./queries.ts";
import { rankCandidates } from "./rank.ts";
import { findsAny, listCandidates, listCards } from "./relevance-queries.ts";
import type { Prepared, SearchContext, SearchPage } from "./search-page.ts";
import { filterTags } from "./tags.ts";

/** The first page ranks once; its cursor carries the ranking and the place in it. */
export async function relevancePage(
  context: SearchContext,
  prepared: Prepared,
): Promise<SearchPage> {
  const { request, key } = prepared;
  if (request.cursor !== null) {
    const start = await openCursor(request.cursor, key, "ranked");
    return rankedPage(context, prepared, start);
  }
  const exact = await rankedIds(context, prepared);
  if (exact.length > 0 || prepared.words.length === 0) {
    return rankedPage(context, prepared, { at: 0, ids: exact });
  }
  const ids = await rankedIdsOfAnyWord(context, prepared);
  const page = await rankedPage(context, prepared, { at: 0, ids });
  return { ...page, ...(await correction(context.search, prepared)) };
}

async function rankedPage(
  { search }: SearchContext,
  { request, key }: Prepared,
  { at, ids }: { at: number; ids: readonly number[] },
): Promise<SearchPage> {
  const end = at + request.limit;
  const seal = (place: number) => sealCursor({ kind: "ranked", at: place, ids }, key);
  return {
    cards: await listCards(search, ids.slice(at, end)),
    nextCursor: end < ids.length ? await seal(end) : null,
    prevCursor: at > 0 ? await seal(Math.max(0, at - request.limit)) : null,
  };
}

async function rankedIds(
  { search, now }: SearchContext,
  { words, match }: Prepared,
): Promise<number[]> {
  return rankCandidates(await listCandidates(search, match), { words, now });
}

/** Nothing has every word: what has some of them, best first. */
function rankedIdsOfAnyWord(context: SearchContext, prepared: Prepared): Promise<number[]> {
  const { words, request } = prepared;
  const match = matchExpression({ words, need: "any", tags: filterTags(request.filters) });
  return rankedIds(context, { ...prepared, match });
}

/** A better spelling, offered only if it finds something under the same filters. */
export async function correction(
  search: SearchReader,
  { words, request }: Prepared,
): Promise<{ didYouMean?: string }> {
  const text = await didYouMean(search, words);
  if (text === null) return {};
  const tags = filterTags(request.filters);
  const finds = await findsAny(
    search,
    matchExpression({ words: foldWords(text), need: "all", tags }),
  );
  return finds ? { didYouMean: text } : {};
}
