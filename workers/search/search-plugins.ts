import type { ListedCard } from "./card.ts";
import { openCursor, sealCursor } from "./cursor.ts";
import type { CursorKey } from "./cursor.ts";
import { didYouMean } from "./did-you-mean.ts";
import { foldWords } from "./fold-text.ts";
import { matchExpression } from "./match.ts";
import { findsAny, listCandidates, listCards, listSorted, readFacetCounts } from "./queries.ts";
import type { SearchReader } from "./queries.ts";
import { rankCandidates } from "./rank.ts";
import { SEARCH_LIMITS } from "./read-request.ts";
import type { SearchRequest } from "./read-request.ts";
import { TOP_POSITION } from "./sorts.ts";
import type { Sort } from "./sorts.ts";
import { filterTags } from "./tags.ts";

export interface SearchContext {
  readonly search: SearchReader;
  readonly cursorSecret: Uint8Array<ArrayBuffer>;
  readonly now: number;
}

export interface SearchPage {
  readonly cards: readonly ListedCard[];
  readonly nextCursor: string | null;
  /** Counts over the whole catalogue by "kind:value", on an unfiltered first page. */
  readonly facets?: Readonly<Record<string, number>>;
  /** The query as it was probably meant, when nothing has all of its words. */
  readonly didYouMean?: string;
}

/** A query made ready for the index. */
interface Prepared {
  readonly request: SearchRequest;
  readonly words: readonly string[];
  readonly match: string;
  readonly key: CursorKey;
}

/** One page of the catalogue: found by words and filters, in the order of a ranking or a sort. */
export async function searchPlugins(
  context: SearchContext,
  request: SearchRequest,
): Promise<SearchPage> {
  const words = foldWords(request.text).slice(0, SEARCH_LIMITS.words);
  if (request.text !== "" && words.length === 0) return { cards: [], nextCursor: null };
  const match = matchExpression({ words, need: "all", tags: filterTags(request.filters) });
  const key = { secret: context.cursorSecret, query: `${request.sort}\n${match}` };
  const prepared = { request, words, match, key };
  if (request.sort === "relevance") return relevancePage(context, prepared);
  return sortedPage(context, prepared, request.sort);
}

async function sortedPage(
  { search }: SearchContext,
  prepared: Prepared,
  sort: Sort,
): Promise<SearchPage> {
  const { request, match, key } = prepared;
  const start = request.cursor === null ? null : await openCursor(request.cursor, key);
  const below = start?.kind === "below" ? start.position : TOP_POSITION;
  // One more than is shown tells whether there is a next page.
  const found = await listSorted(search, sort, { match, below, limit: request.limit + 1 });
  const shown = found.slice(0, request.limit);
  const last = found.length > shown.length ? shown.at(-1) : undefined;
  return {
    cards: shown.map(({ card }) => card),
    nextCursor:
      last === undefined ? null : await sealCursor({ kind: "below", position: last.position }, key),
    ...(start === null ? await firstPageExtras(search, prepared, found.length) : {}),
  };
}

async function firstPageExtras(
  search: SearchReader,
  prepared: Prepared,
  found: number,
): Promise<Pick<SearchPage, "facets" | "didYouMean">> {
  if (prepared.match === UNFILTERED) return { facets: await readFacetCounts(search) };
  return found === 0 ? correction(search, prepared) : {};
}

const UNFILTERED = matchExpression({ words: [], need: "all", tags: { oneOf: [], none: [] } });

/** The first page ranks once; its cursor carries what is left of the ranking. */
async function relevancePage(context: SearchContext, prepared: Prepared): Promise<SearchPage> {
  const { request, key } = prepared;
  if (request.cursor !== null) {
    const start = await openCursor(request.cursor, key);
    return rankedPage(context, prepared, start.kind === "ids" ? start.ids : []);
  }
  const exact = await rankedIds(context, prepared);
  if (exact.length > 0 || prepared.words.length === 0) return rankedPage(context, prepared, exact);
  const page = await rankedPage(context, prepared, await rankedIdsOfAnyWord(context, prepared));
  return { ...page, ...(await correction(context.search, prepared)) };
}

async function rankedPage(
  { search }: SearchContext,
  { request, key }: Prepared,
  ids: readonly number[],
): Promise<SearchPage> {
  const left = ids.slice(request.limit);
  return {
    cards: await listCards(search, ids.slice(0, request.limit)),
    nextCursor: left.length === 0 ? null : await sealCursor({ kind: "ids", ids: left }, key),
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
async function correction(
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
