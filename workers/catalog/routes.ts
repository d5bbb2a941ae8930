import { RbsmError, dependentPageSchema, pluginDetailSchema } from "@rising-bsm/protocol";
import { createRoute, createRoutes, jsonAnswer, problemAnswer } from "../http.ts";
import { pluginNameOf, pluginParams } from "../plugin-address.ts";
import { describePlugin } from "./describe-plugin.ts";
import { loadDependents } from "./load-dependents.ts";
import { loadPlugin } from "./load-plugin.ts";
import { pageQuery } from "./page-cursor.ts";
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
  const others = plugin.found.dependents?.top ?? [];
  keepAnswer(c, name, { isPrivate, others });
  return c.json(describePlugin(plugin, document?.versions ?? []), 200);
});

catalog.openapi(dependentsRoute, async (c) => {
  const plugin = pluginNameOf(c.req.valid("param"));
  const { cursor, limit } = c.req.valid("query");
  const found = await loadDependents(c.env, { plugin, cursor, limit });
  if (found === null || found.isPrivate) await assertFromOwner(c, plugin);
  if (found === null) throw new RbsmError("plugin_not_found");
  const { items, nextCursor, isPrivate } = found;
  keepAnswer(c, plugin, { isPrivate, others: items });
  return c.json({ items, nextCursor }, 200);
});

catalog.route("/", versionRoutes);
