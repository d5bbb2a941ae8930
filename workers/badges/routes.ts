import { RbsmError } from "@rising-bsm/protocol";
import { z } from "zod";
import { answerText } from "../answer-text.ts";
import { requireSchema } from "../database.ts";
import { CACHE, createRoute, createRoutes, problemAnswer } from "../http.ts";
import { tagPlugin } from "../page-cache/tag.ts";
import { pluginNameOf, pluginParams } from "../plugin-address.ts";
import { findCard } from "../search/queries.ts";
import { BADGES, badgeOf } from "./badge-of.ts";
import { drawBadge } from "./draw-badge.ts";

const kindOf = Object.fromEntries(BADGES.map((kind) => [`${kind}.svg`, kind] as const));

const badgeRoute = createRoute({
  method: "get",
  path: "/badge/{scope}/{name}/{file}",
  middleware: [requireSchema] as const,
  request: {
    params: pluginParams.extend({ file: z.enum(BADGES.map((kind) => `${kind}.svg` as const)) }),
    query: z.object({ lang: z.enum(["en", "de"]).optional() }),
  },
  responses: {
    200: {
      description: "A picture for a README",
      content: { "image/svg+xml": { schema: z.string() } },
    },
    default: problemAnswer,
  },
});

/** Pictures that say what a plugin is, for its README or its publisher's site. */
export const badges = createRoutes().openapi(badgeRoute, async (c) => {
  const { file, ...address } = c.req.valid("param");
  const { lang = "en" } = c.req.valid("query");
  const search = c.env.SEARCH.withSession("first-unconstrained");
  const plugin = pluginNameOf(address);
  const card = await findCard(search, plugin);
  const kind = kindOf[file];
  if (card === null || kind === undefined) throw new RbsmError("plugin_not_found");
  tagPlugin(c, plugin);
  return answerText(c, {
    text: drawBadge(badgeOf(kind, card, lang)),
    type: "image/svg+xml; charset=utf-8",
    cache: CACHE.page,
    headers: { "Content-Security-Policy": "default-src 'none'; sandbox" },
  });
});
