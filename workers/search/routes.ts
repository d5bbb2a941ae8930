import { pluginPageSchema } from "@rising-bsm/protocol";
import type { PluginPage } from "@rising-bsm/protocol";
import { readDatabase } from "../database.ts";
import { secretBytes } from "../env.ts";
import { CACHE, createRoute, createRoutes, jsonAnswer, problemAnswer } from "../http.ts";
import { tagPlugin } from "../page-cache/tag.ts";
import { toPluginCard } from "./card.ts";
import { searchQuerySchema, toSearchRequest } from "./read-request.ts";
import { assertBuilt } from "./rebuild.ts";
import { searchPlugins } from "./search-plugins.ts";
import type { SearchPage } from "./search-page.ts";

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
  const context = {
    search: c.env.SEARCH.withSession("first-unconstrained"),
    cursorSecret: secretBytes(c.env, "CURSOR_KEY"),
    now: Date.now(),
  };
  const [page] = await Promise.all([
    searchPlugins(context, toSearchRequest(c.req.valid("query"))),
    assertBuilt(c.env, readDatabase(c.env)),
  ]);
  tagPlugin(c, ...page.cards.map(({ name }) => name));
  return c.json(toAnswer(page), 200, { "Cache-Control": CACHE.page });
});

function toAnswer({ cards, nextCursor, prevCursor, facets, didYouMean }: SearchPage): PluginPage {
  return {
    items: cards.map(toPluginCard),
    nextCursor,
    prevCursor,
    ...(facets === undefined ? {} : { facets: groupFacets(facets) }),
    ...(didYouMean === undefined ? {} : { didYouMean }),
  };
}

/** "category:finance" → { category: { finance: 3 } } */
function groupFacets(
  counts: Readonly<Record<string, number>>,
): Record<string, Record<string, number>> {
  const groups: Record<string, Record<string, number>> = {};
  for (const [facet, count] of Object.entries(counts)) {
    const [kind = "", value = ""] = facet.split(":");
    groups[kind] = { ...groups[kind], [value]: count };
  }
  return groups;
}
