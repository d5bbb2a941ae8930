import { RbsmError } from "@rising-bsm/protocol";
import { isFromOwner } from "../auth.ts";
import { CACHE } from "../http.ts";
import type { AppContext } from "../http.ts";
import { tagPlugin } from "../page-cache/tag.ts";

/**
 * What is not there and what is private look the same to everybody but the plugin's owner. Throws
 * `plugin_not_found`.
 */
export async function assertFromOwner(c: AppContext, plugin: string): Promise<void> {
  if (!(await isFromOwner(c, plugin))) throw new RbsmError("plugin_not_found");
}

/** Nobody keeps the answer about a private plugin; that about another one says the same to everybody. */
export function cachingOf({ isPrivate }: { readonly isPrivate: boolean }): Record<string, string> {
  return isPrivate ? {} : { "Cache-Control": CACHE.page };
}

/** The same, and caches forget the answer when the plugin changes, or another one that it names. */
export function keepAnswer(
  c: AppContext,
  plugin: string,
  shown: { readonly isPrivate: boolean; readonly others?: readonly { readonly name: string }[] },
): void {
  const { isPrivate, others = [] } = shown;
  for (const [name, value] of Object.entries(cachingOf(shown))) c.header(name, value);
  if (!isPrivate) tagPlugin(c, plugin, ...others.map(({ name }) => name));
}
