import type { PluginDocument } from "@rising-bsm/protocol";
import type { ShownPlugin } from "../catalog/load-plugin.ts";
import type { Language } from "./language.ts";
import { siteLink } from "./links.ts";

/** What every page about a plugin has. */
export interface PluginView {
  readonly language: Language;
  readonly plugin: ShownPlugin;
  readonly document: PluginDocument;
}

type Page = "versions" | "changelog" | "compare" | "dependents";

/** A page beside the plugin's own. */
export function pluginPageLink(
  { plugin, language }: Pick<PluginView, "plugin" | "language">,
  page: Page,
  params: readonly (readonly [string, string])[] = [],
): string {
  return siteLink(`/plugins/${plugin.name}/${page}`, { language, params });
}
