import { suggest } from "@rising-bsm/protocol";
import { languagesOf } from "./card.ts";
import type { StoredCard } from "./card.ts";
import { foldWords } from "./fold-text.ts";
import type { SearchReader } from "./queries.ts";
import { listSpellings } from "./relevance-queries.ts";

/** Words looked at, and letters of each: enough for what a person mistypes. */
const MAX_WORDS = 6;
const MAX_LETTERS = 24;

/** The query with its unknown words put right by the catalogue's own, or null when that changes nothing. */
export async function didYouMean(
  search: SearchReader,
  words: readonly string[],
): Promise<string | null> {
  const triples = words.slice(0, MAX_WORDS).flatMap(letterTriples);
  if (triples.length === 0) return null;
  const vocabulary = new Map(
    (await listSpellings(search, triples.join(" OR "))).flatMap(spelledWords),
  );
  const corrected = words.map((word) => suggest(word, vocabulary.keys()) ?? word);
  if (corrected.every((word, index) => word === words[index])) return null;
  return corrected.map((word) => vocabulary.get(word) ?? word).join(" ");
}

function letterTriples(word: string): string[] {
  const letters = word.slice(0, MAX_LETTERS);
  return Array.from(
    { length: Math.max(0, letters.length - 2) },
    (_, at) => `"${letters.slice(at, at + 3)}"`,
  );
}

/** Each word as it is looked up, and as people write it. */
function spelledWords({
  name,
  displayName,
  keywords,
}: StoredCard): [folded: string, written: string][] {
  const written =
    [name, ...languagesOf(displayName), ...keywords]
      .join(" ")
      .toLowerCase()
      .match(/[\p{L}\p{M}\p{N}]+/gu) ?? [];
  return written.map((word) => [foldWords(word).join(""), word]);
}
