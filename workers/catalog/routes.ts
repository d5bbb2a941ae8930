import { RbsmError, dependentPageSchema, pluginDetailSchema } from "@rising-bsm/protocol";
import { z } from "zod";
import { readDatabase } from "../database.ts";
import { createRoute, createRoutes, jsonAnswer, problemAnswer } from "../http.ts";
import { pluginNameOf, pluginParams } from "../plugin-address.ts";
import { listDependents } from "./dependents-queries.ts";
import type { DependentPlace } from "./dependents-queries.ts";
import { describePlugin } from "./describe-plugin.ts";
import { loadPlugin } from "./load-plugin.ts";
import { cutPage, openPageCursor, pageQuery } from "./page-cursor.ts";
import { selectOwner } from "./queries.ts";
import { readPluginDocument } from "./read-document.ts";
import { versionRoutes } from "./version-routes.ts";
import { assertFromOwner, keepAnswer } from "./visible-plugin.ts";

const detailRoute = createRoute({
  method: "get",
  path: "/v1/plugins/{scope}/{name}",
  request: { params: pluginParams },
  responses: { 200: jsonAnswer(pluginDetailSchema, "The plugin"), default: problemAnswer },
});

const dependentsRoute = createRoute({
  method: "get",
  path: "/v1/plugins/{scope}/{name}/dependents",
  request: { params: pluginParams, query: pageQuery },
  responses: {
    200: jsonAnswer(dependentPageSchema, "The public plugins that need it, the most popular first"),
    default: problemAnswer,
  },
});

/** What the catalogue says of one plugin. */
export const catalog = createRoutes();

catalog.openapi(detailRoute, async (c) => {
  const name = pluginNameOf(c.req.valid("param"));
  const [plugin, document] = await Promise.all([
    loadPlugin(c.env, name),
    readPluginDocument(c.env.BUNDLES, name),
  ]);
  const isPrivate = plugin === null || plugin.visibility === "private";
  if (isPrivate) await assertFromOwner(c, name);
  if (plugin === null) throw new RbsmError("plugin_not_found");
  keepAnswer(c, name, { isPrivate });
  return c.json(describePlugin(plugin, document?.versions ?? []), 200);
});

const place = z.object({ lessPopular: z.int(), dependent: z.string() });

catalog.openapi(dependentsRoute, async (c) => {
  const plugin = pluginNameOf(c.req.valid("param"));
  const { cursor, limit } = c.req.valid("query");
  const list = { list: "dependents", plugin, place };
  const after = await openPageCursor(c.env, list, cursor);
  const db = readDatabase(c.env);
  const [owners, found] = await db.batch([
    selectOwner(db, plugin),
    listDependents(db, { plugin, after, limit: limit + 1 }),
  ]);
  const isThere = (owners[0]?.latest ?? null) !== null;
  const isPrivate = owners[0]?.visibility === "private";
  if (!isThere || isPrivate) await assertFromOwner(c, plugin);
  if (!isThere) throw new RbsmError("plugin_not_found");
  const placeOf = ({ lessPopular, dependent }: DependentPlace) => ({ lessPopular, dependent });
  const { rows, nextCursor } = await cutPage(c.env, found, { ...list, limit, placeOf });
  const items = rows.map(({ dependent, range }) => ({ name: dependent, range }));
  keepAnswer(c, plugin, { isPrivate });
  return c.json({ items, nextCursor }, 200);
});

catalog.route("/", versionRoutes);
