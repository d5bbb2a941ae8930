import { ALL } from "./tags.ts";
import type { TagFilter } from "./tags.ts";

/** A shorter last word is not taken as a beginning: it would match half the catalogue. */
const MIN_PREFIX_LENGTH = 2;

export interface MatchQuery {
  /** Folded words. */
  readonly words: readonly string[];
  /** `any`: one of the words is enough. */
  readonly need: "all" | "any";
  readonly tags: TagFilter;
}

/**
 * The FTS5 expression of a query. Everything is a quoted string, so that no text of a user is read as
 * an operator; words hold letters and digits only (foldWords), so that none matches a filter token.
 */
export function matchExpression({ words, need, tags }: MatchQuery): string {
  const groups = [wordsExpression(words, need), ...tags.oneOf.map(anyOf)].filter(
    (part) => part !== "",
  );
  const wanted = groups.length === 0 ? quote(ALL) : groups.join(" AND ");
  return tags.none.length === 0 ? wanted : `(${wanted}) NOT ${anyOf(tags.none)}`;
}

/** The last word may be the beginning of one, since people search while they type. */
function wordsExpression(words: readonly string[], need: "all" | "any"): string {
  if (words.length === 0) return "";
  const last = words.at(-1) ?? "";
  const quoted = words.map(quote);
  if (last.length >= MIN_PREFIX_LENGTH) quoted.push(`${quoted.pop()} *`);
  return `(${quoted.join(need === "all" ? " AND " : " OR ")})`;
}

function anyOf(tokens: readonly string[]): string {
  return `(${tokens.map(quote).join(" OR ")})`;
}

function quote(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}
