import { ALL } from "./tags.ts";
import type { TagFilter } from "./tags.ts";
import type { Term, WordGroup } from "./word-group.ts";

export interface MatchQuery {
  readonly groups: readonly WordGroup[];
  /** `any`: one of the words is enough. */
  readonly need: "all" | "any";
  readonly tags: TagFilter;
}

/**
 * The FTS5 expression of a query. Everything is a quoted string, so that no text of a user is read as
 * an operator; words hold letters and digits only (foldWords), so that none matches a filter token.
 */
export function matchExpression({ groups, need, tags }: MatchQuery): string {
  const words = groups.map(groupExpression).join(need === "all" ? " AND " : " OR ");
  const wanted = [words === "" ? "" : `(${words})`, ...tags.oneOf.map(anyOf)].filter(
    (part) => part !== "",
  );
  const all = wanted.length === 0 ? quote(ALL) : wanted.join(" AND ");
  return tags.none.length === 0 ? all : `(${all}) NOT ${anyOf(tags.none)}`;
}

function groupExpression({ terms, parts }: WordGroup): string {
  const ways = terms.map(termExpression);
  if (parts.length > 0) ways.push(`(${parts.map(groupExpression).join(" AND ")})`);
  return `(${ways.join(" OR ")})`;
}

function termExpression({ text, open }: Term): string {
  return open ? `${quote(text)} *` : quote(text);
}

function anyOf(tokens: readonly string[]): string {
  return `(${tokens.map(quote).join(" OR ")})`;
}

function quote(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}
