import { LESSER } from "./listing-words.ts";
import { nearness } from "./word-group.ts";
import type { WordGroup } from "./word-group.ts";

/**
 * Where the ranking of a search is decided. Two steps:
 *
 * 1. Candidates (relevance-page.ts): the most popular plugins that match, those whose text matches
 *    best, and those that are called like the query.
 * 2. `rankCandidates()` orders them by the sum below.
 *
 * Changing a number here needs no migration and no rebuild of the index.
 */
export const CANDIDATES = 200;

/** BM25 weight of a match in each column of the index `words`. Filter tokens weigh nothing. */
export const COLUMN_WEIGHTS = { name: 10, title: 6, summary: 3, keywords: 2, tags: 0 } as const;

/** The most that each signal adds. */
export const SIGNAL_WEIGHTS = {
  text: 2,
  exactName: 1.2,
  titlePhrase: 0.3,
  titleShare: 0.35,
  popularity: 0.35,
  rating: 0.15,
  freshness: 0.1,
  verified: 0.1,
} as const;

/** What a word counts for by where it is found. */
const FIELD_WEIGHTS = { title: 1, keywords: 0.75, summary: 0.55, lesser: 0.3 } as const;

/** Downloads at which popularity counts in full; below, it grows with the logarithm. */
const FULL_POPULARITY = 1_000_000;
/** Age at which freshness has fallen to 1/e. */
const FRESHNESS_DAYS = 365;

export interface Candidate {
  readonly id: number;
  /** Folded words. */
  readonly nameWords: string;
  readonly titleWords: string;
  /** The beginning of the description. */
  readonly summaryWords: string;
  /** Keywords, `LESSER`, and what weighs less. */
  readonly keywordWords: string;
  /** Whole folded texts that the plugin is called by. */
  readonly labels: readonly string[];
  readonly downloads: number;
  /** 0 to 5, drawn towards the middle while few have rated; null without ratings. */
  readonly rating: number | null;
  readonly verified: boolean;
  readonly updatedAt: number;
  /** One of `SUNK`. */
  readonly sunk: number;
}

/** Why a plugin is found after the others that are found by the same words. */
export const SUNK = {
  no: 0,
  /** Deprecated or yanked. */
  left: 1,
  /** Says nothing of itself. Who types its name finds it like any other. */
  empty: 2,
} as const;

export interface RankContext {
  readonly groups: readonly WordGroup[];
  /** The query as a label (listing-words.ts): as words, and as one word. */
  readonly label: readonly [spaced: string, joined: string];
  readonly now: number;
}

/** Ids of the candidates, best first. Equal scores fall to the older id, so that the order is stable. */
export function rankCandidates(candidates: readonly Candidate[], context: RankContext): number[] {
  return candidates
    .map((candidate) => ({
      id: candidate.id,
      sunk: Number(isSunk(candidate, context)),
      score: score(candidate, context),
    }))
    .toSorted((a, b) => a.sunk - b.sunk || b.score - a.score || a.id - b.id)
    .map(({ id }) => id);
}

function isSunk(candidate: Candidate, context: RankContext): boolean {
  if (candidate.sunk === SUNK.empty) return !isCalled(candidate, context);
  return candidate.sunk === SUNK.left;
}

/** Whether the query is a whole name of the plugin. */
function isCalled({ labels }: Candidate, { label: [spaced, joined] }: RankContext): boolean {
  return labels.some((label) => label === spaced || label === joined);
}

function score(candidate: Candidate, context: RankContext): number {
  const ageDays = Math.max(0, context.now - candidate.updatedAt) / 86_400_000;
  const popularity = Math.log1p(candidate.downloads) / Math.log1p(FULL_POPULARITY);
  const [spaced] = context.label;
  const signals = {
    text: textScore(candidate, context.groups),
    exactName: isCalled(candidate, context) ? 1 : 0,
    titlePhrase: ` ${candidate.titleWords}`.includes(` ${spaced}`) ? 1 : 0,
    titleShare: titleShare(candidate, context.groups),
    popularity: Math.min(1, popularity),
    rating: candidate.rating === null ? 0 : Math.max(0, candidate.rating - 3) / 2,
    freshness: Math.exp(-ageDays / FRESHNESS_DAYS),
    verified: candidate.verified ? 1 : 0,
  } satisfies Record<keyof typeof SIGNAL_WEIGHTS, number>;
  return (
    SIGNAL_WEIGHTS.text * signals.text +
    SIGNAL_WEIGHTS.exactName * signals.exactName +
    SIGNAL_WEIGHTS.titlePhrase * signals.titlePhrase +
    SIGNAL_WEIGHTS.titleShare * signals.titleShare +
    SIGNAL_WEIGHTS.popularity * signals.popularity +
    SIGNAL_WEIGHTS.rating * signals.rating +
    SIGNAL_WEIGHTS.freshness * signals.freshness +
    SIGNAL_WEIGHTS.verified * signals.verified
  );
}

/** How much of the query the plugin has, and where: 0 to 1. */
function textScore(candidate: Candidate, groups: readonly WordGroup[]): number {
  if (groups.length === 0) return 0;
  const [keywords = "", lesser = ""] = candidate.keywordWords.split(LESSER);
  const fields = [
    [FIELD_WEIGHTS.title, `${candidate.nameWords} ${candidate.titleWords}`.split(" ")],
    [FIELD_WEIGHTS.keywords, keywords.split(" ")],
    [FIELD_WEIGHTS.summary, candidate.summaryWords.split(" ")],
    [FIELD_WEIGHTS.lesser, lesser.split(" ")],
  ] as const;
  const found = groups.map((group) =>
    Math.max(...fields.map(([weight, words]) => weight * nearness(group, words))),
  );
  return found.reduce((sum, each) => sum + each, 0) / groups.length;
}

/** How much of one of its names the query says: "Invoice" is more "invoice" than "Invoice Reminder". */
function titleShare({ labels }: Candidate, groups: readonly WordGroup[]): number {
  return Math.max(0, ...labels.map((label) => labelShare(label.split(" "), groups)));
}

function labelShare(words: readonly string[], groups: readonly WordGroup[]): number {
  const said = words.filter((word) => groups.some((group) => nearness(group, [word]) > 0));
  const isAll = groups.every((group) => nearness(group, words) > 0);
  return isAll ? said.length / words.length : said.length / words.length / 2;
}

/** The words of the query that a plugin has nothing of. */
export function missingWords(candidate: Candidate, groups: readonly WordGroup[]): string[] {
  const { nameWords, titleWords, summaryWords, keywordWords } = candidate;
  const words = [nameWords, titleWords, summaryWords, keywordWords].join(" ").split(" ");
  return groups.filter((group) => nearness(group, words) === 0).map(({ word }) => word);
}
