import { z } from "zod";
import type { ListedCard } from "./card.ts";
import type { SortedStart } from "./cursor.ts";
import { cardRow, parseRows, toCard } from "./queries.ts";
import type { SearchReader } from "./queries.ts";
import { CURRENT_EPOCH, pageStatement, TOP_POSITION } from "./sorts.ts";
import type { Sort } from "./sorts.ts";
import { facetCounts } from "./tags.ts";

/** A stretch of a sort. */
export interface Stretch {
  /** FTS5 expression of what it holds. */
  readonly match: string;
  readonly limit: number;
  /** Where it begins; null is the top of the current epoch. */
  readonly start?: SortedStart | null;
}

export interface SortedCards {
  /** The current epoch. */
  readonly epoch: number;
  /** Nearest to where the stretch begins first. */
  readonly found: readonly { readonly position: number; readonly card: ListedCard }[];
}

const TOP: SortedStart = {
  kind: "below",
  position: TOP_POSITION,
  epoch: CURRENT_EPOCH,
  top: TOP_POSITION,
};

const epochRow = z.object({ epoch: z.int() });
const positionedRow = cardRow.extend({ position: z.int() });

/** Up to `limit` cards, each with its position in the sort. */
export async function listSorted(
  search: SearchReader,
  sort: Sort,
  { match, limit, start }: Stretch,
): Promise<SortedCards> {
  const { kind, position, epoch, top } = start ?? TOP;
  const statement = search.prepare(pageStatement(sort, kind));
  const { results } = await statement.bind(match, epoch, position, top, limit).all();
  const [current, ...rows] = results;
  return {
    epoch: epochRow.parse(current).epoch,
    found: parseRows(positionedRow, { results: rows }).map((row) => ({
      position: row.position,
      card: toCard(row),
    })),
  };
}

const countedFacets = z.record(z.string(), z.int());

/** Counts over the whole catalogue, by "kind:value". */
export async function readFacetCounts(search: SearchReader): Promise<Record<string, number>> {
  const rows = await search.prepare("SELECT facets FROM catalogue WHERE id = ?").bind(1).all();
  const [row] = parseRows(z.object({ facets: z.string() }), rows);
  return facetCounts(countedFacets.parse(JSON.parse(row?.facets ?? "{}")));
}
