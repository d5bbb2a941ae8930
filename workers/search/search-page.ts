import type { ListedCard } from "./card.ts";
import type { CursorKey } from "./cursor.ts";
import type { SearchReader } from "./queries.ts";
import type { SearchRequest } from "./read-request.ts";
import type { WordGroup } from "./word-group.ts";

export interface SearchContext {
  readonly search: SearchReader;
  readonly cursorSecret: Uint8Array<ArrayBuffer>;
  readonly now: number;
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

/** A parameter of the query, as it was given, and how many plugins at least are found without it. */
export interface FilterHelp {
  readonly name: string;
  readonly value: string;
  readonly atLeast: number;
}

/** A query made ready for the index. */
export interface Prepared {
  readonly request: SearchRequest;
  /** Folded words of the text. */
  readonly words: readonly string[];
  /** What the words mean; common ones as planCommon() leaves them. */
  readonly groups: readonly WordGroup[];
  /** Words that are common. */
  readonly common: readonly string[];
  /** FTS5 expression of words and filters. */
  readonly match: string;
  readonly key: CursorKey;
}
