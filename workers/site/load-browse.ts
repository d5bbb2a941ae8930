import { readDatabase } from "../database.ts";
import type { AppContext } from "../http.ts";
import { tagPlugin } from "../page-cache/tag.ts";
import { readFacetCounts } from "../search/browse-queries.ts";
import { readSearchParams } from "../search/read-request.ts";
import type { SearchRequest } from "../search/read-request.ts";
import { assertBuilt } from "../search/rebuild.ts";
import { searchContext } from "../search/search-page.ts";
import type { SearchContext, SearchPage } from "../search/search-page.ts";
import { searchPlugins } from "../search/search-plugins.ts";
import { languageOf } from "./answer-page.tsx";
import type { Browse } from "./browse-page.tsx";

/** Plugins of the front page: of a shelf, and below the shelves. */
const SHELF = 3;
const BELOW = 12;

/** What the browse page of this URL shows. Throws `request_invalid` and what a cursor can be refused with. */
export async function loadBrowse(c: AppContext): Promise<Browse> {
  const given = [...new URL(c.req.url).searchParams];
  const params = given.filter(([name, value]) => name !== "lang" && value !== "");
  const request = readSearchParams(new URLSearchParams(params));
  const context = searchContext(c.env);
  const isFront = params.length === 0;
  const [page, shelves] = await Promise.all([
    searchPlugins(context, isFront ? { ...request, limit: BELOW } : request),
    isFront ? loadShelves(context, request) : null,
    assertBuilt(c.env, readDatabase(c.env)),
  ]);
  const shown = [...page.cards, ...(shelves?.trending ?? []), ...(shelves?.newest ?? [])];
  tagPlugin(c, ...new Set(shown.map(({ name }) => name)));
  return {
    language: languageOf(c),
    request,
    page,
    counts: page.facets ?? (await readFacetCounts(context.search)),
    params: params.filter(([name]) => name !== "cursor"),
    front: page.nextCursor === null ? null : shelves,
  };
}

/** Nothing is on trend where nobody has installed anything yet. */
async function loadShelves(context: SearchContext, request: SearchRequest) {
  const [trending, newest] = await Promise.all(
    (["trending", "new"] as const).map((sort) =>
      searchPlugins(context, { ...request, sort, limit: SHELF }),
    ),
  );
  const isInstalled = ({ downloads }: SearchPage["cards"][number]) => downloads > 0;
  return { trending: (trending?.cards ?? []).filter(isInstalled), newest: newest?.cards ?? [] };
}
