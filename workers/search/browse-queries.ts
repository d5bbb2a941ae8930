import { z } from "zod";
import type { ListedCard } from "./card.ts";
import { cardRow, parseRows, toCard } from "./queries.ts";
import type { SearchReader } from "./queries.ts";
import { pageStatement, pluginOf, TOP_POSITION } from "./sorts.ts";
import type { Sort } from "./sorts.ts";

const positionedRow = cardRow.extend({ position: z.int() });

/** Up to `limit` cards below a position of a sort, each with its own position. */
export async function listSorted(
  search: SearchReader,
  sort: Sort,
  { match, below, limit }: { match: string; below: number; limit: number },
): Promise<{ position: number; card: ListedCard }[]> {
  const rows = await search.prepare(pageStatement(sort)).bind(match, below, limit).all();
  return parseRows(positionedRow, rows).map((row) => ({
    position: row.position,
    card: toCard(row),
  }));
}

const facetCounts = z.record(z.string(), z.int());

/** Counts over the whole catalogue, by "kind:value". */
export async function readFacetCounts(search: SearchReader): Promise<Record<string, number>> {
  const rows = await search.prepare("SELECT facets FROM catalogue WHERE id = ?").bind(1).all();
  const [row] = parseRows(z.object({ facets: z.string() }), rows);
  return facetCounts.parse(JSON.parse(row?.facets ?? "{}"));
}

/** Ids of the most downloaded plugins that a query finds, best first: what it costs is in `limit`. */
export async function listPopular(
  search: SearchReader,
  match: string,
  limit: number,
): Promise<number[]> {
  const found = await listSorted(search, "popular", { match, below: TOP_POSITION, limit });
  return found.map(({ position }) => pluginOf(position));
}
