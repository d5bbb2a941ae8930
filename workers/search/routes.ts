import { pluginPageSchema } from "@rising-bsm/protocol";
import type { PluginPage } from "@rising-bsm/protocol";
import { readDatabase } from "../database.ts";
import { CACHE, createRoute, createRoutes, jsonAnswer, problemAnswer } from "../http.ts";
import { tagPlugin } from "../page-cache/tag.ts";
import { toPluginCard } from "./card.ts";
import { searchQuerySchema, toSearchRequest } from "./read-request.ts";
import type { SearchRequest } from "./read-request.ts";
import { assertBuilt } from "./rebuild.ts";
import { searchPlugins } from "./search-plugins.ts";
import { searchContext } from "./search-page.ts";
import type { SearchPage } from "./search-page.ts";
import { FACET_KINDS } from "./tags.ts";

const route = createRoute({
  method: "get",
  path: "/v1/plugins",
  request: { query: searchQuerySchema },
  responses: {
    200: jsonAnswer(pluginPageSchema, "One page of the catalogue"),
    default: problemAnswer,
  },
});

export const search = createRoutes().openapi(route, async (c) => {
  const request = toSearchRequest(c.req.valid("query"));
  const [page] = await Promise.all([
    searchPlugins(searchContext(c.env), request),
    assertBuilt(c.env, readDatabase(c.env)),
  ]);
  tagPlugin(c, ...page.cards.map(({ name }) => name));
  return c.json(toAnswer(page, request), 200, { "Cache-Control": CACHE.page });
});

function toAnswer(page: SearchPage, { understood }: SearchRequest): PluginPage {
  const { cards, nextCursor, prevCursor, facets, didYouMean, help } = page;
  return {
    items: cards.map(toPluginCard),
    nextCursor,
    prevCursor,
    ...(facets === undefined ? {} : { facets: groupFacets(facets) }),
    ...(didYouMean === undefined ? {} : { didYouMean }),
    ...(understood.length === 0 ? {} : { understood: [...understood] }),
    ...(help === undefined
      ? {}
      : {
          help: {
            withoutWords: [...help.withoutWords],
            withoutFilters: [...help.withoutFilters],
          },
        }),
  };
}

/** "category:finance" → { category: { finance: 3 }, permission: {}, … } */
function groupFacets(
  counts: Readonly<Record<string, number>>,
): Record<string, Record<string, number>> {
  const facets = Object.entries(counts);
  return Object.fromEntries(
    FACET_KINDS.map((kind) => [kind, Object.fromEntries(facets.flatMap(valueOf(kind)))]),
  );
}

function valueOf(kind: string) {
  return ([facet, count]: [string, number]): [value: string, count: number][] =>
    facet.startsWith(`${kind}:`) ? [[facet.slice(kind.length + 1), count]] : [];
}
