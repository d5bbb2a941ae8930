import { isVersion, localText, PLUGIN_NAME, RbsmError } from "@rising-bsm/protocol";
import type { VersionComparison } from "@rising-bsm/protocol";
import { Hono } from "hono";
import type { Child } from "hono/jsx";
import { loadComparison } from "../catalog/load-comparison.ts";
import { loadDependents } from "../catalog/load-dependents.ts";
import { loadPlugin } from "../catalog/load-plugin.ts";
import { readPluginDocument } from "../catalog/read-document.ts";
import { readFragment } from "../catalog/read-fragment.ts";
import { requireSchema } from "../database.ts";
import type { AppEnv } from "../env.ts";
import type { AppContext } from "../http.ts";
import { canSell } from "../orders/configured-provider.ts";
import { tagPlugin } from "../page-cache/tag.ts";
import { readReviews } from "../reviews/read-reviews.ts";
import { addSecurityHeaders, answerPage, languageOf, SECURITY_HEADERS } from "./answer-page.tsx";
import { ComparePage } from "./compare-page.tsx";
import { siteLink } from "./links.ts";
import { HeadOfPlugin, pluginHead, policyWith } from "./plugin-head.tsx";
import { ChangelogPage, DependentsPage, VersionsPage } from "./plugin-lists.tsx";
import { PluginPage } from "./plugin-page.tsx";
import { PLUGIN_TEXTS } from "./plugin-texts.ts";
import type { PluginView } from "./plugin-view.ts";
import { TEXTS } from "./texts.ts";

const PATH = "/plugins/:scope/:plugin";
const VERSIONS_A_PAGE = 50;
const DEPENDENTS_A_PAGE = 50;
const REVIEWS_SHOWN = 3;

/** The pages about one plugin. */
export const pluginPages = new Hono<AppEnv>();

for (const page of ["", "/versions", "/changelog", "/compare", "/dependents"]) {
  pluginPages.use(PATH + page, addSecurityHeaders, requireSchema);
}

pluginPages.get(PATH, async (c) => {
  const view = await loadView(c);
  const { plugin, language } = view;
  const path = `/plugins/${plugin.name}`;
  const url = new URL(siteLink(path, { language }), c.req.url).href;
  const head = pluginHead(view, url);
  const policy = SECURITY_HEADERS["Content-Security-Policy"];
  c.header("Content-Security-Policy", await policyWith(policy, head.script));
  const frame = { ...frameOf(view, path), head: <HeadOfPlugin {...view} head={head} /> };
  const [readme, reviews] = await Promise.all([
    readFragment(c.env.BUNDLES, plugin.details.readme),
    readReviews(c.env, plugin.name, { sort: "new", limit: REVIEWS_SHOWN }),
  ]);
  const content = { ...view, readme, reviews: reviews?.page ?? null, canBuy: canSell(c.env) };
  return answerPage(c, frame, <PluginPage {...content} />);
});

pluginPages.get(`${PATH}/versions`, async (c) => {
  const view = await loadView(c);
  const all = view.document.versions;
  const after = all.findIndex(({ version }) => version === c.req.query("after"));
  const versions = all.slice(after + 1, after + 1 + VERSIONS_A_PAGE);
  const last = after + 1 + VERSIONS_A_PAGE < all.length ? versions.at(-1) : undefined;
  const page = <VersionsPage {...view} versions={versions} after={last?.version ?? null} />;
  return answerSubPage(c, view, { name: "versions", page });
});

pluginPages.get(`${PATH}/changelog`, async (c) => {
  const view = await loadView(c);
  const html = await readFragment(c.env.BUNDLES, view.plugin.details.changelog);
  return answerSubPage(c, view, {
    name: "changelog",
    page: <ChangelogPage {...view} html={html} />,
  });
});

pluginPages.get(`${PATH}/compare`, async (c) => {
  const view = await loadView(c);
  const [newest, before] = view.document.versions;
  const from = c.req.query("from") ?? before?.version;
  const to = c.req.query("to") ?? newest?.version;
  const comparison = await compareIn(c, view.plugin.name, [from, to]);
  const page = <ComparePage {...view} comparison={comparison} from={from} to={to} />;
  return answerSubPage(c, view, { name: "compare", page });
});

/** Null unless both are published versions. */
async function compareIn(
  c: AppContext,
  plugin: string,
  [from, to]: readonly [string | undefined, string | undefined],
): Promise<VersionComparison | null> {
  if (from === undefined || to === undefined || !isVersion(from) || !isVersion(to)) return null;
  return (await loadComparison(c.env, { plugin, from, to }))?.comparison ?? null;
}

pluginPages.get(`${PATH}/dependents`, async (c) => {
  const view = await loadView(c);
  const list = { plugin: view.plugin.name, limit: DEPENDENTS_A_PAGE };
  const found = await loadDependents(c.env, { ...list, cursor: c.req.query("cursor") });
  const { items = [], nextCursor = null } = found ?? {};
  tagPlugin(c, view.plugin.name, ...items.map(({ name }) => name));
  const page = <DependentsPage {...view} dependents={items} nextCursor={nextCursor} />;
  return answerSubPage(c, view, { name: "dependents", page });
});

/** A plugin has pages for everybody who knows its name, unless it is private. */
async function loadView(c: AppContext): Promise<PluginView> {
  const name = `${c.req.param("scope")}/${c.req.param("plugin")}`;
  if (!PLUGIN_NAME.test(name)) throw new RbsmError("not_found");
  const [plugin, document] = await Promise.all([
    loadPlugin(c.env, name),
    readPluginDocument(c.env.BUNDLES, name),
  ]);
  const isShown = plugin !== null && plugin.visibility !== "private";
  if (!isShown || document === null) throw new RbsmError("plugin_not_found");
  tagPlugin(c, name, ...(plugin.found.dependents?.top ?? []).map((other) => other.name));
  return { language: languageOf(c), plugin, document };
}

function frameOf({ plugin, language }: PluginView, path: string) {
  const { card, visibility } = plugin;
  return {
    language,
    title: localText(card.displayName, language.locale),
    description: localText(card.description ?? card.displayName, language.locale),
    address: { path, params: [] },
    isIndexed: visibility === "public",
  };
}

interface SubPage {
  readonly name: "versions" | "changelog" | "compare" | "dependents";
  readonly page: Child;
}

/** Search engines show the plugin's own page: the others say parts of the same. */
function answerSubPage(
  c: AppContext,
  view: PluginView,
  { name, page }: SubPage,
): Promise<Response> {
  const { locale } = view.language;
  const titles = {
    versions: TEXTS[locale].versionsTitle,
    changelog: PLUGIN_TEXTS[locale].changelogTitle,
    compare: PLUGIN_TEXTS[locale].compareTitle,
    dependents: PLUGIN_TEXTS[locale].dependentsTitle,
  };
  const frame = frameOf(view, `/plugins/${view.plugin.name}/${name}`);
  const params = [...new URL(c.req.url).searchParams].filter(([param]) => param !== "lang");
  return answerPage(
    c,
    {
      ...frame,
      title: `${titles[name]}: ${frame.title}`,
      address: { path: frame.address.path, params },
      isIndexed: false,
    },
    page,
  );
}
