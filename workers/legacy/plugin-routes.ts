import { bundlePath, RbsmError } from "@rising-bsm/protocol";
import { Hono } from "hono";
import { createMiddleware } from "hono/factory";
import { z } from "zod";
import { auditEntry } from "../audit.ts";
import { assertOwnsPlugin } from "../auth.ts";
import { loadPlugin } from "../catalog/load-plugin.ts";
import { findListedVersion } from "../catalog/queries.ts";
import { readDatabase, writeDatabase } from "../database.ts";
import type { AppEnv } from "../env.ts";
import type { AppContext } from "../http.ts";
import { advance } from "../log/advance.ts";
import { assertInStep } from "../log/in-step.ts";
import { loadHeads } from "../log/queries.ts";
import { absoluteUrl } from "../plugin-address.ts";
import { findRemovable, removePlugin } from "../publish/removal-queries.ts";
import { assertMayRemove } from "../publish/remove-plugin.ts";
import type { ListedCard } from "../search/card.ts";
import { requireSeller } from "./credentials.ts";
import { makeDownload, pathOfToken } from "./download-link.ts";
import { answer, answerPage, readJson } from "./envelope.ts";
import { findPluginName } from "./find-plugin.ts";
import { publishUpload } from "./publish-upload.ts";
import { countActive } from "./queries.ts";
import { downloadSchema, searchSchema } from "./requests.ts";
import { findNumberedPage } from "./search-pages.ts";
import { showPlugin } from "./show-plugin.ts";

/** What is logged or listed is not written while the database is behind the bucket. */
const inStep = createMiddleware<AppEnv>(async (c, next) => {
  const db = writeDatabase(c.env);
  await assertInStep(db, c.env.BUNDLES, await loadHeads(db));
  await next();
});

/** The paths of one plugin: its id is one segment, or two when it is a name with its scope. */
function ofPlugin(rest: "" | `/${string}`): string[] {
  return [`/plugins/:scope{@[^/]+}/:id${rest}`, `/plugins/:id{[^@/]+}${rest}`];
}

async function pluginOf(c: AppContext): Promise<string> {
  const { scope, id = "" } = z.record(z.string(), z.string()).parse(c.req.param());
  const name = scope === undefined ? id : `${scope}/${id}`;
  return findPluginName(readDatabase(c.env), name);
}

async function ownPluginOf(c: AppContext): Promise<string> {
  const plugin = await pluginOf(c);
  await assertOwnsPlugin(c, plugin);
  return plugin;
}

/** Plugins as the old connector finds, gets and publishes them. */
export const pluginRoutes = new Hono<AppEnv>();

pluginRoutes.get("/plugins", async (c) => {
  const wanted = searchSchema.safeParse(c.req.query());
  if (!wanted.success) throw new RbsmError("request_invalid", wanted.error.issues[0]?.message);
  const { page, limit } = wanted.data;
  const { cards, total } = await findNumberedPage(c, wanted.data);
  return answerPage(c, cards.map(showPlugin), { page, limit, total });
});

pluginRoutes.post("/plugins", requireSeller("publish"), inStep, async (c) =>
  answer(c, await publishUpload(c), { message: "Plugin published", status: 201 }),
);

pluginRoutes.on("POST", ofPlugin("/download"), async (c) => {
  const wanted = await readJson(c, downloadSchema);
  return answer(c, await makeDownload(c, { ...wanted, plugin: await pluginOf(c) }));
});

pluginRoutes.get("/download/:token", (c) => c.redirect(pathOfToken(c.req.param("token")), 302));

pluginRoutes.on("GET", ofPlugin("/stats"), requireSeller("licenses"), async (c) => {
  const plugin = await ownPluginOf(c);
  const card = await cardOf(c, plugin);
  return answer(c, {
    downloads: card.downloads,
    revenue: 0,
    activeInstalls: await countActive(readDatabase(c.env), plugin, Date.now()),
    ratings: { average: card.rating ?? 0, count: 0 },
  });
});

pluginRoutes.on("GET", ofPlugin("/reviews"), async (c) => {
  await cardOf(c, await pluginOf(c));
  return answerPage(c, [], { page: 1, limit: 20, total: 0 });
});

pluginRoutes.on("POST", ofPlugin("/reviews"), async (c) => {
  await cardOf(c, await pluginOf(c));
  throw new RbsmError("conflict_state", "This marketplace takes no reviews yet");
});

pluginRoutes.on("GET", ofPlugin(""), async (c) => {
  const card = await cardOf(c, await pluginOf(c));
  return answer(c, { ...showPlugin(card), ...(await bundleOf(c, card)) });
});

pluginRoutes.on("PUT", ofPlugin(""), requireSeller("publish"), async (c) => {
  await ownPluginOf(c);
  throw new RbsmError("conflict_state", "What a plugin shows is in its signed manifest", {
    fix: "Publish a new version.",
  });
});

pluginRoutes.on("DELETE", ofPlugin(""), requireSeller("yank"), inStep, async (c) => {
  const plugin = await ownPluginOf(c);
  const db = writeDatabase(c.env);
  const facts = await findRemovable(db, plugin);
  if (facts === undefined) throw new RbsmError("plugin_not_found");
  const at = Date.now();
  const isAdmin = c.get("principal").kind === "admin";
  if (facts.removedAt === null) assertMayRemove({ ...facts, isAdmin }, at);
  const detail = { reason: "Removed through the old connector" };
  await removePlugin(
    db,
    plugin,
    auditEntry(c, { action: "plugin.remove", subject: plugin, at, detail }),
  );
  await advance(c.env, new Date(), plugin);
  return answer(c, null, { message: "Plugin deleted" });
});

pluginRoutes.get("/stats", requireSeller("licenses"), async (c) => {
  const wanted = searchSchema.parse({ sortBy: "downloads", limit: "100" });
  const { cards, total } = await findNumberedPage(c, wanted);
  return answer(c, {
    totalPlugins: total,
    // Of the most downloaded, who have most of them: all in the catalogue are too many to read.
    totalDownloads: cards.reduce((sum, { downloads }) => sum + downloads, 0),
    totalRevenue: 0,
    topPlugins: cards.slice(0, TOP).map(showPlugin),
  });
});

const TOP = 10;

/** A private plugin is its owner's alone, who has the new API. */
async function cardOf(c: AppContext, name: string): Promise<ListedCard> {
  const plugin = await loadPlugin(c.env, name);
  if (plugin === null || plugin.visibility === "private")
    throw new RbsmError("plugin_not_found", "Plugin not found");
  return plugin.card;
}

async function bundleOf(c: AppContext, { name, version }: ListedCard) {
  const found = await findListedVersion(readDatabase(c.env), { plugin: name, version });
  const [row] = found.versions;
  if (row === undefined) return {};
  const url = row.paid ? {} : { bundleUrl: absoluteUrl(c, bundlePath(row.sha256)) };
  return { checksum: row.sha256, ...url };
}
