import { RbsmError } from "@rising-bsm/protocol";
import { listSorted, readFacetCounts } from "./browse-queries.ts";
import type { SortedCards, Stretch } from "./browse-queries.ts";
import { openCursor, sealCursor } from "./cursor.ts";
import type { CursorKey, SortedStart } from "./cursor.ts";
import { matchExpression } from "./match.ts";
import type { Prepared, SearchContext, SearchPage } from "./search-page.ts";
import { TOP_POSITION } from "./sorts.ts";
import type { Sort } from "./sorts.ts";

const UNFILTERED = matchExpression({ groups: [], need: "all", tags: { oneOf: [], none: [] } });

/** One page of a sort. Throws `cursor_expired` when its order has been replaced twice since. */
export async function browsePage(
  context: SearchContext,
  { request, match, key, sort }: Prepared & { readonly sort: Sort },
): Promise<SearchPage> {
  const cursor = request.cursor === null ? null : await openCursor(request.cursor, key, "sorted");
  const isFirst = cursor === null;
  // One more than is shown tells whether there is a page behind.
  const stretch = { match, limit: request.limit + 1 };
  const { epoch, found } = await readStretch(context, sort, { ...stretch, start: cursor });
  const nearest = found.slice(0, request.limit);
  const shown = cursor?.kind === "above" ? nearest.toReversed() : nearest;
  const start = cursor ?? firstStart(sort, epoch, shown[0]?.position);
  const hasMore = found.length > shown.length;
  const { before, after } = besides({ start, isFirst, shown, hasMore });
  return {
    cards: shown.map(({ card }) => card),
    nextCursor: await sealStart(after, key),
    prevCursor: await sealStart(before, key),
    ...(isFirst && match === UNFILTERED ? { facets: await readFacetCounts(context.search) } : {}),
  };
}

async function sealStart(start: SortedStart | null, key: CursorKey): Promise<string | null> {
  return start === null ? null : sealCursor(start, key);
}

async function readStretch(
  { search, primary }: Pick<SearchContext, "search" | "primary">,
  sort: Sort,
  stretch: Stretch & { readonly start: SortedStart | null },
): Promise<SortedCards> {
  const page = await listSorted(search, sort, stretch);
  const epoch = stretch.start?.epoch ?? page.epoch;
  // What was replaced last can still be read.
  if (epoch === page.epoch || epoch === page.epoch - 1) return page;
  // A replica may be behind the one that made the cursor.
  if (epoch < page.epoch || primary === undefined) throw new RbsmError("cursor_expired");
  return readStretch({ search: primary() }, sort, stretch);
}

/** Plugins that are newer than the first page by `new` are not of its walk. */
function firstStart(sort: Sort, epoch: number, first = TOP_POSITION): SortedStart {
  const top = sort === "new" ? first : TOP_POSITION;
  return { kind: "below", position: TOP_POSITION, epoch, top };
}

interface Shown {
  readonly start: SortedStart;
  readonly isFirst: boolean;
  readonly shown: readonly { readonly position: number }[];
  /** Something lies behind, in the direction of reading. */
  readonly hasMore: boolean;
}

/** Where the pages before and after are. A page that was emptied meanwhile lies where it began. */
function besides({ start, isFirst, shown, hasMore }: Shown): {
  before: SortedStart | null;
  after: SortedStart | null;
} {
  const first = shown[0]?.position ?? start.position - 1;
  const last = shown.at(-1)?.position ?? start.position + 1;
  const before = { ...start, kind: "above", position: first } as const;
  const after = { ...start, kind: "below", position: last } as const;
  if (start.kind === "above") return { before: hasMore ? before : null, after };
  return { before: isFirst ? null : before, after: hasMore ? after : null };
}
