import type { Bindings } from "../env.ts";
import { purgePlugins } from "../page-cache/purge-plugins.ts";
import { loadPurges } from "../page-cache/purges.ts";

/**
 * Pages and answers from before `since` that show a plugin are not answered any more: what went at that
 * time is in none of them. Once for each time, however often the request that asked for it is sent.
 */
export async function withdrawPages(env: Bindings, plugin: string, since: number): Promise<void> {
  const { withdrawn, before } = await loadPurges(env.PRIVATE);
  if (Math.max(before, withdrawn[plugin] ?? 0) >= since) return;
  await purgePlugins(env, [{ plugin, isWithdrawn: true }]);
}
