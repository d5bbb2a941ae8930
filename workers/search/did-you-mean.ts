import { languagesOf } from "./card.ts";
import type { StoredCard } from "./card.ts";
import { foldWords } from "./fold-text.ts";

/** The words of the query, put right and as the plugins found write them. */
export function spellOut(
  words: readonly string[],
  corrections: ReadonlyMap<string, string>,
  found: readonly StoredCard[],
): string {
  const written = new Map(found.toReversed().flatMap(writtenWords));
  return words
    .map((word) => corrections.get(word) ?? word)
    .map((word) => written.get(word) ?? word)
    .join(" ");
}

/** Each word as it is looked up, and as people write it. */
function writtenWords({
  name,
  displayName,
  description,
  keywords,
}: StoredCard): [folded: string, written: string][] {
  const texts = [description ?? "", displayName].flatMap(languagesOf);
  const written =
    [...texts, ...keywords, name]
      .join(" ")
      .toLowerCase()
      .match(/[\p{L}\p{M}\p{N}]+/gu) ?? [];
  return written.map((word) => [foldWords(word).join(""), word]);
}
