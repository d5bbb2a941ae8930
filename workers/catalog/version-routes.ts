import {
  RbsmError,
  bundlePath,
  versionComparisonSchema,
  versionListSchema,
  versionSchema,
  versionStateSchema,
} from "@rising-bsm/protocol";
import type { VersionInfo, VersionState } from "@rising-bsm/protocol";
import { z } from "zod";
import { readDatabase, writeDatabase } from "../database.ts";
import { createRoute, createRoutes, jsonAnswer, problemAnswer } from "../http.ts";
import type { AppContext } from "../http.ts";
import { absoluteUrl, pluginNameOf, pluginParams, versionParams } from "../plugin-address.ts";
import type { Version } from "../schema.ts";
import { storedManifest, withReason } from "../stored-manifest.ts";
import { loadComparison } from "./load-comparison.ts";
import { cutPage, openPageCursor, pageQuery } from "./page-cursor.ts";
import { findAnyVersion, findListedVersion, listVersions } from "./queries.ts";
import type { ListedVersions, Target } from "./queries.ts";
import { assertFromOwner, keepAnswer } from "./visible-plugin.ts";

const versionsRoute = createRoute({
  method: "get",
  path: "/v1/plugins/{scope}/{name}/versions",
  request: { params: pluginParams, query: pageQuery },
  responses: {
    200: jsonAnswer(versionListSchema, "Its versions, the highest first"),
    default: problemAnswer,
  },
});

const versionRoute = createRoute({
  method: "get",
  path: "/v1/plugins/{scope}/{name}/versions/{version}",
  request: { params: versionParams },
  responses: {
    200: jsonAnswer(
      versionStateSchema,
      "The version; one that is not published only with the token of its publisher or the administrator",
    ),
    default: problemAnswer,
  },
});

const compareRoute = createRoute({
  method: "get",
  path: "/v1/plugins/{scope}/{name}/compare",
  request: {
    params: pluginParams,
    query: z.object({ from: versionSchema, to: versionSchema }),
  },
  responses: {
    200: jsonAnswer(versionComparisonSchema, "What `to` asks for and is, compared with `from`"),
    default: problemAnswer,
  },
});

/** What the catalogue says of the versions of a plugin. */
export const versionRoutes = createRoutes();

const place = z.object({ sortKey: z.string(), version: z.string() });

versionRoutes.openapi(versionsRoute, async (c) => {
  const plugin = pluginNameOf(c.req.valid("param"));
  const { cursor, limit } = c.req.valid("query");
  const list = { list: "versions", plugin, place };
  const below = await openPageCursor(c.env, list, cursor);
  const found = await listVersions(readDatabase(c.env), { plugin, below, limit: limit + 1 });
  if (!found.isThere || found.isPrivate) await assertFromOwner(c, plugin);
  if (!found.isThere) throw new RbsmError("plugin_not_found");
  const placeOf = ({ sortKey, version }: Version) => ({ sortKey, version });
  const { rows, nextCursor } = await cutPage(c.env, found.versions, { ...list, limit, placeOf });
  const items = rows.map((row) => describeVersion(c, row, found));
  keepAnswer(c, plugin, found);
  return c.json({ items, nextCursor }, 200);
});

versionRoutes.openapi(versionRoute, async (c) => {
  const { version, ...address } = c.req.valid("param");
  const target = { plugin: pluginNameOf(address), version };
  const listed = await findListedVersion(readDatabase(c.env), target);
  const [row] = listed.versions;
  if (row !== undefined && !listed.isPrivate) {
    keepAnswer(c, target.plugin, listed);
    return c.json(describeVersion(c, row, listed), 200);
  }
  await assertFromOwner(c, target.plugin);
  return c.json(await describeToOwner(c, target, listed), 200);
});

versionRoutes.openapi(compareRoute, async (c) => {
  const plugin = pluginNameOf(c.req.valid("param"));
  const compared = await loadComparison(c.env, { plugin, ...c.req.valid("query") });
  if (compared === null || compared.isPrivate) await assertFromOwner(c, plugin);
  if (compared === null) throw new RbsmError("plugin_not_found");
  keepAnswer(c, plugin, compared);
  return c.json(compared.comparison, 200);
});

async function describeToOwner(
  c: AppContext,
  target: Target,
  listed: ListedVersions,
): Promise<VersionState> {
  const row = await findAnyVersion(writeDatabase(c.env), target);
  if (row === undefined) throw new RbsmError("plugin_not_found");
  const { publishedAt, statusReason } = row;
  return {
    ...describeVersion(c, row, listed),
    publishedAt: publishedAt === null ? null : new Date(publishedAt).toISOString(),
    ...(statusReason === null ? {} : { statusReason }),
  };
}

function describeVersion(
  c: AppContext,
  row: Version,
  { channels }: Pick<ListedVersions, "channels">,
): VersionInfo {
  const { permissions, network } = storedManifest(row);
  return {
    version: row.version,
    sha256: row.sha256,
    size: row.size,
    treeDigest: row.treeDigest,
    channels: Object.keys(channels).filter((channel) => channels[channel] === row.version),
    status: row.status,
    publishedAt: new Date(row.publishedAt ?? row.createdAt).toISOString(),
    yanked: withReason(row.yankedReason),
    deprecated: withReason(row.deprecatedReason),
    permissions: permissions.map(({ code }) => code),
    network,
    bundle: absoluteUrl(c, bundlePath(row.sha256)),
  };
}
