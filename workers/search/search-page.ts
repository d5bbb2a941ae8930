import type { ListedCard } from "./card.ts";
import type { CursorKey } from "./cursor.ts";
import type { SearchReader } from "./queries.ts";
import type { SearchRequest } from "./read-request.ts";

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
}

/** A query made ready for the index. */
export interface Prepared {
  readonly request: SearchRequest;
  /** Folded words of the text. */
  readonly words: readonly string[];
  /** FTS5 expression of words and filters. */
  readonly match: string;
  readonly key: CursorKey;
}
