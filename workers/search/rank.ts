import { foldWords } from "./fold-text.ts";

/**
 * Where the ranking of a search is decided. Two steps:
 *
 * 1. The index finds the 200 best matches of the words by BM25 with `COLUMN_WEIGHTS`.
 * 2. `rankCandidates()` orders those 200 by the sum below.
 *
 * Changing a number here needs no migration and no rebuild of the index.
 */
export const CANDIDATES = 200;

/** BM25 weight of a match in each column of the index `words`. Filter tokens weigh nothing. */
export const COLUMN_WEIGHTS = { name: 10, title: 6, summary: 3, keywords: 2, tags: 0 } as const;

/** The most that each signal adds. The text match alone is 0 to 1. */
export const SIGNAL_WEIGHTS = {
  text: 1,
  exactName: 1,
  titlePhrase: 0.3,
  popularity: 0.35,
  rating: 0.15,
  freshness: 0.1,
  verified: 0.1,
} as const;

/** Downloads at which popularity counts in full; below, it grows with the logarithm. */
const FULL_POPULARITY = 1_000_000;
/** Age at which freshness has fallen to 1/e. */
const FRESHNESS_DAYS = 365;

export interface Candidate {
  readonly id: number;
  /** BM25 as FTS5 gives it: below zero, the lower the better. */
  readonly bm25: number;
  /** "@scope/name" */
  readonly name: string;
  /** Folded words of the title in every language. */
  readonly titleWords: string;
  readonly downloads: number;
  readonly rating: number | null;
  readonly verified: boolean;
  readonly updatedAt: number;
  /** Deprecated plugins are found, after everything else. */
  readonly sunk: boolean;
}

export interface RankContext {
  /** The folded words that were searched for. */
  readonly words: readonly string[];
  readonly now: number;
}

/** Ids of the candidates, best first. Equal scores fall to the older id, so that the order is stable. */
export function rankCandidates(candidates: readonly Candidate[], context: RankContext): number[] {
  const best = Math.max(...candidates.map((candidate) => -candidate.bm25), Number.MIN_VALUE);
  return candidates
    .map((candidate) => ({ candidate, score: score(candidate, best, context) }))
    .sort(
      (a, b) =>
        Number(a.candidate.sunk) - Number(b.candidate.sunk) ||
        b.score - a.score ||
        a.candidate.id - b.candidate.id,
    )
    .map(({ candidate }) => candidate.id);
}

function score(candidate: Candidate, best: number, { words, now }: RankContext): number {
  const ageDays = Math.max(0, now - candidate.updatedAt) / 86_400_000;
  const popularity = Math.log1p(candidate.downloads) / Math.log1p(FULL_POPULARITY);
  const signals = {
    text: -candidate.bm25 / best,
    exactName: isNamed(candidate, words) ? 1 : 0,
    titlePhrase: ` ${candidate.titleWords}`.includes(` ${words.join(" ")}`) ? 1 : 0,
    popularity: Math.min(1, popularity),
    rating: candidate.rating === null ? 0 : Math.max(0, candidate.rating - 3) / 2,
    freshness: Math.exp(-ageDays / FRESHNESS_DAYS),
    verified: candidate.verified ? 1 : 0,
  } satisfies Record<keyof typeof SIGNAL_WEIGHTS, number>;
  return (
    SIGNAL_WEIGHTS.text * signals.text +
    SIGNAL_WEIGHTS.exactName * signals.exactName +
    SIGNAL_WEIGHTS.titlePhrase * signals.titlePhrase +
    SIGNAL_WEIGHTS.popularity * signals.popularity +
    SIGNAL_WEIGHTS.rating * signals.rating +
    SIGNAL_WEIGHTS.freshness * signals.freshness +
    SIGNAL_WEIGHTS.verified * signals.verified
  );
}

/** "@acme/hello-world" is named by "acme hello world" and by "hello world". */
function isNamed({ name }: Candidate, words: readonly string[]): boolean {
  const searched = words.join(" ");
  const [, ownPart = ""] = name.split("/");
  return foldWords(ownPart).join(" ") === searched || foldWords(name).join(" ") === searched;
}
