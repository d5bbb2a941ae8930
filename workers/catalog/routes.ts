import {
  RbsmError,
  bundlePath,
  pluginDetailSchema,
  versionListSchema,
  versionStateSchema,
} from "@rising-bsm/protocol";
import type { PluginDetail, VersionInfo, VersionState } from "@rising-bsm/protocol";
import { isFromOwner } from "../auth.ts";
import { readDatabase, writeDatabase } from "../database.ts";
import { CACHE, createRoute, createRoutes, jsonAnswer, problemAnswer } from "../http.ts";
import type { AppContext } from "../http.ts";
import { absoluteUrl, pluginNameOf, pluginParams, versionParams } from "../plugin-address.ts";
import type { Version } from "../schema.ts";
import { toPluginCard } from "../search/card.ts";
import { findCard } from "../search/queries.ts";
import { plansOf, storedManifest, withReason } from "../stored-manifest.ts";
import type { StoredManifest } from "../stored-manifest.ts";
import { findAnyVersion, findListedVersion, findPlugin, listVersions } from "./queries.ts";
import type { ListedVersions, Target } from "./queries.ts";
import { findUnlistedCard } from "./unlisted-card.ts";

const VERSIONS_SHOWN = 1_000;
const PAGE = { "Cache-Control": CACHE.page };

const detailRoute = createRoute({
  method: "get",
  path: "/v1/plugins/{scope}/{name}",
  request: { params: pluginParams },
  responses: { 200: jsonAnswer(pluginDetailSchema, "The plugin"), default: problemAnswer },
});

const versionsRoute = createRoute({
  method: "get",
  path: "/v1/plugins/{scope}/{name}/versions",
  request: { params: pluginParams },
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

/** What the catalogue says of one plugin. */
export const catalog = createRoutes();

catalog.openapi(detailRoute, async (c) => {
  const name = pluginNameOf(c.req.valid("param"));
  const [plugin, listed] = await Promise.all([
    findPlugin(readDatabase(c.env), name),
    findCard(c.env.SEARCH.withSession("first-unconstrained"), name),
  ]);
  const manifest = plugin === undefined ? null : storedManifest(plugin);
  const isPrivate = manifest === null || manifest.visibility === "private";
  if (isPrivate) await assertFromOwner(c, name);
  const card = listed ?? (await findUnlistedCard(c.env, name))?.card;
  if (plugin === undefined || manifest === null || card === undefined) {
    throw new RbsmError("plugin_not_found");
  }
  const { channels } = plugin;
  const transfer = transferOf(plugin);
  const detail = { ...toPluginCard(card), ...describeManifest(manifest), channels, transfer };
  return c.json(detail, 200, isPrivate ? {} : PAGE);
});

/** What is not there and what is private look the same to everybody but the plugin's owner. */
async function assertFromOwner(c: AppContext, plugin: string): Promise<void> {
  if (!(await isFromOwner(c, plugin))) throw new RbsmError("plugin_not_found");
}

function transferOf({ to, effectiveAt }: { to: string | null; effectiveAt: number | null }) {
  if (to === null || effectiveAt === null) return null;
  return { to, effectiveAt: new Date(effectiveAt).toISOString() };
}

function describeManifest(
  manifest: StoredManifest,
): Omit<PluginDetail, keyof ReturnType<typeof toPluginCard> | "channels" | "transfer"> {
  const { author, homepage, repository, license } = manifest;
  return {
    author: author ?? null,
    homepage: homepage ?? null,
    repository: repository ?? null,
    license: license ?? null,
    categories: manifest.categories,
    keywords: manifest.keywords,
    network: manifest.network,
    dependencies: manifest.dependencies,
    engines: withoutUndefined(manifest.engines),
    plans: plansOf(manifest),
    visibility: manifest.visibility,
  };
}

function withoutUndefined(values: Record<string, string | undefined>): Record<string, string> {
  const present = Object.entries(values).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, value] as const],
  );
  return Object.fromEntries(present);
}

catalog.openapi(versionsRoute, async (c) => {
  const plugin = pluginNameOf(c.req.valid("param"));
  const listed = await listVersions(readDatabase(c.env), { plugin, limit: VERSIONS_SHOWN });
  const isThere = listed.versions.length > 0;
  if (!isThere || listed.isPrivate) await assertFromOwner(c, plugin);
  if (!isThere) throw new RbsmError("plugin_not_found");
  return c.json(
    { items: listed.versions.map((row) => describeVersion(c, row, listed)) },
    200,
    listed.isPrivate ? {} : PAGE,
  );
});

catalog.openapi(versionRoute, async (c) => {
  const { version, ...address } = c.req.valid("param");
  const target = { plugin: pluginNameOf(address), version };
  const listed = await findListedVersion(readDatabase(c.env), target);
  const [row] = listed.versions;
  if (row !== undefined && !listed.isPrivate) {
    return c.json(describeVersion(c, row, listed), 200, PAGE);
  }
  await assertFromOwner(c, target.plugin);
  return c.json(await describeToOwner(c, target, listed), 200);
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
