import { localText, PLUGIN_NAME, RbsmError } from "@rising-bsm/protocol";
import type { PluginDocument } from "@rising-bsm/protocol";
import { Hono } from "hono";
import { loadPlugin } from "../catalog/load-plugin.ts";
import type { ShownPlugin } from "../catalog/load-plugin.ts";
import { readPluginDocument } from "../catalog/read-document.ts";
import { requireSchema } from "../database.ts";
import type { AppEnv } from "../env.ts";
import type { AppContext } from "../http.ts";
import { canSell } from "../orders/configured-provider.ts";
import { addSecurityHeaders, answerPage, languageOf } from "./answer-page.tsx";
import { PluginPage } from "./plugin-page.tsx";

/** The pages about one plugin. */
export const pluginPages = new Hono<AppEnv>();

const PATH = "/plugins/:scope/:plugin";

pluginPages.use(PATH, addSecurityHeaders, requireSchema);

pluginPages.get(PATH, async (c) => {
  const { plugin, document } = await loadShown(c);
  const language = languageOf(c);
  const { card, name, visibility } = plugin;
  const frame = {
    language,
    title: localText(card.displayName, language.locale),
    description: localText(card.description ?? card.displayName, language.locale),
    address: { path: `/plugins/${name}`, params: [] },
    isIndexed: visibility === "public",
  };
  const view = { language, card, document, isUnlisted: visibility !== "public" };
  return answerPage(c, frame, <PluginPage {...view} canBuy={canSell(c.env)} />);
});

/** A plugin has pages for everybody who knows its name, unless it is private. */
async function loadShown(
  c: AppContext,
): Promise<{ plugin: ShownPlugin; document: PluginDocument }> {
  const name = `${c.req.param("scope")}/${c.req.param("plugin")}`;
  if (!PLUGIN_NAME.test(name)) throw new RbsmError("not_found");
  const [plugin, document] = await Promise.all([
    loadPlugin(c.env, name),
    readPluginDocument(c.env.BUNDLES, name),
  ]);
  const isShown = plugin !== null && plugin.visibility !== "private";
  if (!isShown || document === null) throw new RbsmError("plugin_not_found");
  return { plugin, document };
}
