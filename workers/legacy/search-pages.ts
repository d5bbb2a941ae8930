import type { AppContext } from "../http.ts";
import { readDatabase } from "../database.ts";
import type { ListedCard } from "../search/card.ts";
import { searchQuerySchema, toSearchRequest } from "../search/read-request.ts";
import { assertBuilt } from "../search/rebuild.ts";
import { searchPlugins } from "../search/search-plugins.ts";
import { searchContext } from "../search/search-page.ts";
import type { SearchPage } from "../search/search-page.ts";
import type { LegacySearch } from "./requests.ts";

export interface NumberedPage {
  readonly cards: readonly ListedCard[];
  /** Exact for the whole catalogue and on the last page; else what is known to be there. */
  readonly total: number;
}

const NOTHING: NumberedPage = { cards: [], total: 0 };

/** A page by its number: the catalogue has cursors, so the pages before it are walked over. */
export async function findNumberedPage(c: AppContext, wanted: LegacySearch): Promise<NumberedPage> {
  const { query, category, status, sortBy, limit } = wanted;
  const parsed = searchQuerySchema.safeParse({
    q: query,
    category,
    sort: sortBy,
    limit: String(limit),
  });
  if (status !== "approved" || !parsed.success) return NOTHING;
  const request = toSearchRequest(parsed.data);
  const context = searchContext(c.env);
  await assertBuilt(c.env, readDatabase(c.env));
  const first = await searchPlugins(context, request);
  let found: SearchPage = first;
  for (let page = 1; page < wanted.page; page++) {
    if (found.nextCursor === null) return { cards: [], total: totalOf(first, 0) };
    found = await searchPlugins(context, { ...request, cursor: found.nextCursor });
  }
  const before = (wanted.page - 1) * limit;
  const known = before + found.cards.length + (found.nextCursor === null ? 0 : 1);
  return { cards: found.cards, total: totalOf(first, known) };
}

function totalOf({ facets, cards }: SearchPage, known: number): number {
  if (facets === undefined) return Math.max(known, cards.length);
  return (facets["price:free"] ?? 0) + (facets["price:paid"] ?? 0);
}
