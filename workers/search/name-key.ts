import { languagesOf } from "./card.ts";
import type { StoredCard } from "./card.ts";
import { cutText } from "./fold-text.ts";

/** Longer names are equal when they begin alike. */
const MAX_LENGTH = 200;

/**
 * What the sort by name compares, byte by byte: the display name, in English where it has two, in
 * lower case without accents and signs, and where that is equal the name of the plugin.
 */
export function nameKey({ name, displayName }: Pick<StoredCard, "name" | "displayName">): string {
  const [title = ""] = languagesOf(displayName);
  const plain = title
    .normalize("NFKD")
    .toLowerCase()
    .replaceAll(/\p{M}+/gu, "");
  const words = plain.replaceAll("ß", "ss").match(/[\p{L}\p{N}]+/gu) ?? [];
  // A tab comes before every letter, so that "Note" comes before "Notes".
  return `${cutText(words.join(" "), MAX_LENGTH)}\t${name}`;
}
