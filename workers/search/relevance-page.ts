import { openCursor, sealCursor } from "./cursor.ts";
import type { RankedStart } from "./cursor.ts";
import { spellOut } from "./did-you-mean.ts";
import { helpWithFilters } from "./help.ts";
import { labelsOf } from "./listing-words.ts";
import { matchExpression } from "./match.ts";
import { CANDIDATES, missingWords, rankCandidates } from "./rank.ts";
import type { Candidate } from "./rank.ts";
import {
  listBestCandidates,
  listCards,
  listNamed,
  listPopularCandidates,
} from "./relevance-queries.ts";
import { planWords } from "./plan-words.ts";
import type { SearchReader } from "./queries.ts";
import type { Prepared, SearchContext, SearchHelp, SearchPage } from "./search-page.ts";
import { filterTags } from "./tags.ts";
import { correctQuery, widenQuery } from "./widen-query.ts";
import type { WordGroup } from "./word-group.ts";

/** Best matches by text, beside the popular ones, where there are more than are looked at. */
const BEST = 60;
/** These and the cards of the page read two rows each: a longer page looks at fewer. */
const BEST_AND_CARDS = 90;
/** So many found are enough: the query means what it says. */
const ENOUGH = 10;
/** Plugins looked at that have what the query may mean, and that have some of its words. */
const WIDENED = 60;
const SOME = 50;

/** The first page ranks once; its cursor carries the ranking and the place in it. */
export async function relevancePage(
  context: SearchContext,
  prepared: Prepared,
): Promise<SearchPage> {
  const { request, key } = prepared;
  if (request.cursor !== null) {
    return rankedPage(context, prepared, await openCursor(request.cursor, key, "ranked"));
  }
  const { ids, help, corrections } = await find(context, prepared);
  const page = await rankedPage(context, prepared, { at: 0, end: ids.length, ids });
  return {
    ...page,
    ...(help === undefined ? {} : { help }),
    ...(corrections === undefined || ids.length === 0
      ? {}
      : { didYouMean: spellOut(prepared.words, corrections, page.cards) }),
  };
}

async function rankedPage(
  { search }: SearchContext,
  { request, key }: Prepared,
  { at, end: most, ids }: Omit<RankedStart, "kind">,
): Promise<SearchPage> {
  const end = Math.min(at + request.limit, most);
  const seal = (from: number, to: number) =>
    sealCursor({ kind: "ranked", at: from, end: to, ids }, key);
  return {
    cards: await listCards(search, ids.slice(at, end), filterTags(request.filters)),
    nextCursor: end < ids.length ? await seal(end, ids.length) : null,
    prevCursor: at > 0 ? await seal(Math.max(0, at - request.limit), at) : null,
  };
}

interface Found {
  /** Best first. */
  readonly ids: readonly number[];
  readonly help?: SearchHelp;
  /** Words that were misspelt, and what they were taken for. */
  readonly corrections?: ReadonlyMap<string, string>;
}

async function find(context: SearchContext, prepared: Prepared): Promise<Found> {
  const exact = await findExactly(context, prepared);
  if (exact.length >= ENOUGH) return { ids: exact };
  const { search } = context;
  const { groups, corrections } = await widenQuery(search, prepared.groups);
  const widened = { ...prepared, ...(await planWords(search, groups, prepared.request.filters)) };
  const wider = rank(context, widened, await listPopularCandidates(search, widened.match, WIDENED));
  const ids = [...new Set([...exact, ...wider])];
  const meant = exact.length === 0 && corrections.size > 0 ? { corrections } : {};
  if (ids.length > 0) return { ids, ...meant };
  return { ...(await findSome(context, widened)), ...meant };
}

/** What has all words as they were typed, and their synonyms. */
async function findExactly(context: SearchContext, prepared: Prepared): Promise<readonly number[]> {
  const { search } = context;
  const { request, groups, match } = prepared;
  const filters = matchExpression({ groups: [], need: "all", tags: filterTags(request.filters) });
  const [named, popular] = await Promise.all([
    listNamed(search, labelOf(prepared), filters),
    listPopularCandidates(search, match, CANDIDATES),
  ]);
  const isCut = popular.length === CANDIDATES;
  const most = Math.max(0, Math.min(BEST, BEST_AND_CARDS - request.limit));
  const best = isCut ? await listBest(search, prepared, { need: "all", limit: most }) : [];
  const whole = best.filter((candidate) => missingWords(candidate, groups).length === 0);
  return rank(context, prepared, [...named, ...popular, ...whole]);
}

/**
 * Plugins whose text matches the rare words best. To score is to look at every plugin that has a word
 * of the expression or passes a filter of it, so that common words and filters have no place in it.
 */
async function listBest(
  search: SearchReader,
  prepared: Prepared,
  { need, limit }: { need: "all" | "any"; limit: number },
): Promise<readonly Candidate[]> {
  const tags = filterTags(prepared.request.filters);
  const groups = rareOf(prepared);
  if (groups.length === 0 || tags.oneOf.length + tags.none.length > 0) return [];
  return listBestCandidates(search, matchExpression({ groups, need, tags }), limit);
}

function rareOf({ asked, common }: Prepared): readonly WordGroup[] {
  return asked.filter(({ word }) => !common.includes(word));
}

/** Nothing has every word: what has some of them, and what keeps the rest away. */
async function findSome(context: SearchContext, prepared: Prepared): Promise<Found> {
  const { search } = context;
  const withoutFilters = await helpWithFilters(search, prepared);
  const candidates = await listSome(search, prepared);
  const ids = rank(context, prepared, candidates);
  const best = candidates.find(({ id }) => id === ids[0]);
  const withoutWords = best === undefined ? [] : missingWords(best, prepared.groups);
  if (withoutWords.length + withoutFilters.length === 0) return { ids };
  return { ids, help: { withoutWords, withoutFilters } };
}

/** Rare words say more than common ones; what has only these is better than nothing. */
async function listSome(search: SearchReader, prepared: Prepared): Promise<readonly Candidate[]> {
  const best = await listBest(search, prepared, { need: "any", limit: SOME });
  if (best.length > 0) return best;
  const tags = filterTags(prepared.request.filters);
  const rare = rareOf(prepared);
  const inTurn = rare.length === prepared.asked.length ? [rare] : [rare, prepared.asked];
  for (const groups of inTurn.filter((each) => each.length > 0)) {
    const match = matchExpression({ groups, need: "any", tags });
    const candidates = await listPopularCandidates(search, match, SOME);
    if (candidates.length > 0) return candidates;
  }
  return [];
}

function rank(
  { now }: SearchContext,
  prepared: Prepared,
  candidates: readonly Candidate[],
): readonly number[] {
  const each = new Map(candidates.map((candidate) => [candidate.id, candidate]));
  const { groups } = prepared;
  const ids = rankCandidates([...each.values()], { groups, label: labelOf(prepared), now });
  return ids.slice(0, CANDIDATES);
}

function labelOf({ request }: Prepared): [spaced: string, joined: string] {
  return labelsOf(request.wanted);
}

/** For a sort that shows nothing: a better spelling, offered only if it finds something under the same filters. */
export async function correction(
  { search }: SearchContext,
  { words, groups: typed, request }: Prepared,
): Promise<{ didYouMean?: string }> {
  const { groups, corrections } = await correctQuery(search, typed);
  if (corrections.size === 0) return {};
  const { match } = await planWords(search, groups, request.filters);
  const [best] = await listPopularCandidates(search, match, 1);
  if (best === undefined) return {};
  const cards = await listCards(search, [best.id], filterTags(request.filters));
  return { didYouMean: spellOut(words, corrections, cards) };
}
