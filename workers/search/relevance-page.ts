import { openCursor, sealCursor } from "./cursor.ts";
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
import type { Prepared, SearchContext, SearchHelp, SearchPage } from "./search-page.ts";
import { filterTags } from "./tags.ts";
import { correctQuery, widenQuery } from "./widen-query.ts";
import type { WordGroup } from "./word-group.ts";

/** Best matches by text, beside the popular ones, where there are more than are looked at. */
const BEST = 60;
/** These and the cards of the page read two rows each: a longer page looks at fewer. */
const BEST_AND_CARDS = 110;
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
    const start = await openCursor(request.cursor, key, "ranked");
    return rankedPage(context, prepared, start);
  }
  const { ids, help, corrections } = await find(context, prepared);
  const page = await rankedPage(context, prepared, { at: 0, ids });
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
  const { groups, corrections } = await widenQuery(context.search, prepared.groups);
  const wider = await findWidened(context, prepared, groups);
  const ids = [...new Set([...exact, ...wider])];
  const meant = exact.length === 0 && corrections.size > 0 ? { corrections } : {};
  if (ids.length > 0) return { ids, ...meant };
  return { ...(await findSome(context, prepared, groups)), ...meant };
}

/** What has all words as they were typed, and their synonyms. */
async function findExactly(context: SearchContext, prepared: Prepared): Promise<readonly number[]> {
  const { search } = context;
  const { request, groups, common, match } = prepared;
  const filters = matchExpression({ groups: [], need: "all", tags: filterTags(request.filters) });
  const [named, popular] = await Promise.all([
    listNamed(search, labelOf(prepared), filters),
    listPopularCandidates(search, match, CANDIDATES),
  ]);
  const most = Math.min(BEST, BEST_AND_CARDS - request.limit);
  const isCut = popular.length === CANDIDATES && common.length < groups.length;
  const best = isCut ? await listBestCandidates(search, match, most) : [];
  return rank(context, prepared, { groups, candidates: [...named, ...popular, ...best] });
}

async function findWidened(
  context: SearchContext,
  prepared: Prepared,
  groups: readonly WordGroup[],
): Promise<readonly number[]> {
  const tags = filterTags(prepared.request.filters);
  const match = matchExpression({ groups, need: "all", tags });
  const candidates = await listPopularCandidates(context.search, match, WIDENED);
  return rank(context, prepared, { groups, candidates });
}

/** Nothing has every word: what has some of them, and what keeps the rest away. */
async function findSome(
  context: SearchContext,
  prepared: Prepared,
  groups: readonly WordGroup[],
): Promise<Found> {
  const { search } = context;
  const withoutFilters = await helpWithFilters(search, { ...prepared, groups });
  const rare = groups.filter(({ word }) => !prepared.common.includes(word));
  const tags = filterTags(prepared.request.filters);
  const match = matchExpression({ groups: rare.length > 0 ? rare : groups, need: "any", tags });
  const candidates =
    rare.length > 0
      ? await listBestCandidates(search, match, SOME)
      : await listPopularCandidates(search, match, SOME);
  const ids = rank(context, prepared, { groups, candidates });
  const best = candidates.find(({ id }) => id === ids[0]);
  const withoutWords = best === undefined ? [] : missingWords(best, groups);
  if (withoutWords.length + withoutFilters.length === 0) return { ids };
  return { ids, help: { withoutWords, withoutFilters } };
}

interface Ranked {
  readonly groups: readonly WordGroup[];
  readonly candidates: readonly Candidate[];
}

function rank(
  { now }: SearchContext,
  prepared: Prepared,
  { groups, candidates }: Ranked,
): readonly number[] {
  const each = new Map(candidates.map((candidate) => [candidate.id, candidate]));
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
  const match = matchExpression({ groups, need: "all", tags: filterTags(request.filters) });
  const [best] = await listPopularCandidates(search, match, 1);
  if (best === undefined) return {};
  return { didYouMean: spellOut(words, corrections, await listCards(search, [best.id])) };
}
