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
import { storedManifest, withReason } from "../stored-manifest.ts";
import type { StoredManifest } from "../stored-manifest.ts";
import { findAnyVersion, findListedVersion, findPlugin, listVersions } from "./queries.ts";
import type { ListedVersions, Target } from "./queries.ts";

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
  const [plugin, card] = await Promise.all([
    findPlugin(readDatabase(c.env), name),
    findCard(c.env.SEARCH.withSession("first-unconstrained"), name),
  ]);
  if (plugin === undefined || card === null) throw new RbsmError("plugin_not_found");
  const about = describeManifest(storedManifest(plugin));
  const transfer = transferOf(plugin);
  const detail = { ...toPluginCard(card), ...about, channels: plugin.channels, transfer };
  return c.json(detail, 200, PAGE);
});

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
    plans: manifest.pricing?.plans ?? [],
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
  if (listed.versions.length === 0) throw new RbsmError("plugin_not_found");
  return c.json(
    { items: listed.versions.map((row) => describeVersion(c, row, listed)) },
    200,
    PAGE,
  );
});

catalog.openapi(versionRoute, async (c) => {
  const { version, ...address } = c.req.valid("param");
  const target = { plugin: pluginNameOf(address), version };
  const listed = await findListedVersion(readDatabase(c.env), target);
  const [row] = listed.versions;
  if (row !== undefined) return c.json(describeVersion(c, row, listed), 200, PAGE);
  return c.json(await describeUnlisted(c, target), 200);
});

/** What is not public looks to everybody but its owner as if it were not there. */
async function describeUnlisted(c: AppContext, target: Target): Promise<VersionState> {
  const isOwner = await isFromOwner(c, target.plugin);
  const row = isOwner ? await findAnyVersion(writeDatabase(c.env), target) : undefined;
  if (row === undefined) throw new RbsmError("plugin_not_found");
  const { publishedAt, statusReason } = row;
  return {
    ...describeVersion(c, row, { channels: {} }),
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
