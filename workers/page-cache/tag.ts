import type { Context } from "hono";
import type { AppEnv } from "../env.ts";

/** What a purge of a plugin takes out of caches. ASCII and without a comma or space, as plugin names are. */
export function tagOf(plugin: string): string {
  return `plugin:${plugin}`;
}

/** Says which plugins an answer is about: when one of them changes, no cache answers with it again. */
export function tagPlugin(c: Context<AppEnv>, ...plugins: readonly string[]): void {
  if (plugins.length > 0) c.header("Cache-Tag", plugins.map(tagOf).join(","));
}
