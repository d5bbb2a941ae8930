import { secretBytes } from "../env.ts";
import type { Bindings } from "../env.ts";
import type { ListedCard } from "./card.ts";
import type { Plan } from "./common-words.ts";
import type { CursorKey } from "./cursor.ts";
import type { SearchReader } from "./queries.ts";
import type { SearchRequest } from "./read-request.ts";
import type { WordGroup } from "./word-group.ts";

export interface SearchContext {
  readonly search: SearchReader;
  /** What is never behind, for what a replica does not know yet. */
  readonly primary?: () => SearchReader;
  readonly cursorSecret: Uint8Array<ArrayBuffer>;
  readonly now: number;
}

export function searchContext(env: Bindings): SearchContext {
  return {
    search: env.SEARCH.withSession("first-unconstrained"),
    primary: () => env.SEARCH.withSession("first-primary"),
    cursorSecret: secretBytes(env, "CURSOR_KEY"),
    now: Date.now(),
  };
}

export interface SearchPage {
  readonly cards: readonly ListedCard[];
  readonly nextCursor: string | null;
  readonly prevCursor: string | null;
  /** Counts over the whole catalogue by "kind:value", on an unfiltered first page. */
  readonly facets?: Readonly<Record<string, number>>;
  /** The query as it was probably meant, when nothing has all of its words. */
  readonly didYouMean?: string;
  /** Why there is little or nothing, and what finds more. */
  readonly help?: SearchHelp;
}

export interface SearchHelp {
  /** Words of the query that the plugins shown do not have. */
  readonly withoutWords: readonly string[];
  /** Filters without which there would be something. */
  readonly withoutFilters: readonly FilterHelp[];
}

/**
 * A parameter of the query as it was understood (`host=2.1.7` is "2.1"; several categories, of which one
 * is enough, are "team,finance"), and how many plugins at least are found without it.
 */
export interface FilterHelp {
  readonly name: string;
  readonly value: string;
  readonly atLeast: number;
}

/** What the words of a query mean, and how the index is asked for it. */
export interface Asked extends Plan {
  /** What the words mean: found plugins are ranked by it. */
  readonly groups: readonly WordGroup[];
  /** FTS5 expression of what is asked for, and of the filters. */
  readonly match: string;
}

/** A query made ready for the index. */
export interface Prepared extends Asked {
  readonly request: SearchRequest;
  /** Folded words of the text. */
  readonly words: readonly string[];
  readonly key: CursorKey;
}
