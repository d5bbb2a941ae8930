import { listSorted, readFacetCounts } from "./browse-queries.ts";
import { openCursor, sealCursor } from "./cursor.ts";
import { matchExpression } from "./match.ts";
import type { Prepared, SearchContext, SearchPage } from "./search-page.ts";
import { TOP_POSITION } from "./sorts.ts";
import type { Sort } from "./sorts.ts";

const UNFILTERED = matchExpression({ words: [], need: "all", tags: { oneOf: [], none: [] } });

/** One page of a sort. */
export async function browsePage(
  { search }: SearchContext,
  { request, match, key, sort }: Prepared & { readonly sort: Sort },
): Promise<SearchPage> {
  const start = request.cursor === null ? null : await openCursor(request.cursor, key, "sorted");
  const below = start?.position ?? TOP_POSITION;
  // One more than is shown tells whether there is a next page.
  const found = await listSorted(search, sort, { match, below, limit: request.limit + 1 });
  const shown = found.slice(0, request.limit);
  const last = found.length > shown.length ? shown.at(-1) : undefined;
  return {
    cards: shown.map(({ card }) => card),
    nextCursor:
      last === undefined
        ? null
        : await sealCursor(
            { kind: "below", position: last.position, epoch: 0, top: TOP_POSITION },
            key,
          ),
    prevCursor: null,
    ...(start === null && match === UNFILTERED ? { facets: await readFacetCounts(search) } : {}),
  };
}
