import type { Bindings } from "../env.ts";
import { platformCache, TAGS_A_PURGE } from "./page-cache.ts";
import type { PageCache } from "./page-cache.ts";
import { changePurges, loadPurges, withWaiting, withWithdrawn } from "./purges.ts";
import { tagOf } from "./tag.ts";

/** A plugin whose pages say something else now. */
interface ChangedPlugin {
  readonly plugin: string;
  /** Removed, hidden or yanked: not even a copy from before is answered any more. */
  readonly isWithdrawn: boolean;
}

/** Purges that a run of the cron sends; the platform takes five a minute. */
const PURGES_A_RUN = 5;

/**
 * Takes the pages of these plugins out of all caches. What the cache in front does not take now waits
 * for the cron. Throws when it could not be stored that it waits, or that a copy must not be answered.
 */
export async function purgePlugins(
  env: Bindings,
  changed: readonly ChangedPlugin[],
  cache: PageCache = platformCache(),
): Promise<void> {
  const names = changed.map(({ plugin }) => plugin);
  const waiting = await purgeSome(cache, names, Infinity);
  const withdrawn = changed.flatMap(({ plugin, isWithdrawn }) => (isWithdrawn ? [plugin] : []));
  if (waiting.length === 0 && withdrawn.length === 0) return;
  await changePurges(env, (purges) =>
    withWaiting(withWithdrawn(purges, withdrawn, Date.now()), waiting),
  );
}

/** Purges what waits; for the cron. */
export async function purgeWaiting(
  env: Bindings,
  cache: PageCache = platformCache(),
): Promise<void> {
  if (!cache.isBehindCache) return;
  const { waiting } = await loadPurges(env.PRIVATE);
  const left = new Set(await purgeSome(cache, waiting, PURGES_A_RUN));
  const done = new Set(waiting.filter((plugin) => !left.has(plugin)));
  if (done.size === 0) return;
  await changePurges(env, (purges) => ({
    ...purges,
    waiting: purges.waiting.filter((plugin) => !done.has(plugin)),
  }));
}

/** Purges as many as `requests` requests take; what is left over, from the first that was refused on. */
async function purgeSome(
  cache: PageCache,
  plugins: readonly string[],
  requests: number,
): Promise<readonly string[]> {
  let left = plugins;
  for (let sent = 0; left.length > 0 && sent < requests; sent++) {
    const some = left.slice(0, TAGS_A_PURGE).map(tagOf);
    const done = await cache.purge(some).catch(() => false);
    if (!done) break;
    left = left.slice(TAGS_A_PURGE);
  }
  return left;
}
