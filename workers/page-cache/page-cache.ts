import * as platform from "cloudflare:workers";

/** A page as it was answered. */
export interface KeptPage {
  /** When its request came, in ms since 1970: nothing that happened later is in it. */
  readonly at: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly text: string;
}

/** Longest that a copy is good for while nothing newer can be had. */
export const KEPT_SECONDS = 86_400;

/** Where copies of pages are: the Worker's own cache, and the platform's in front of the Worker. */
export interface PageCache {
  find(address: string): Promise<KeptPage | null>;
  keep(address: string, page: KeptPage): Promise<void>;
  /** Whether answers pass a cache that reads their tags, and takes them off. */
  readonly isBehindCache: boolean;
  /** Takes all with one of at most 100 tags out of the cache in front; false: not now, it has its limits. */
  purge(tags: readonly string[]): Promise<boolean>;
}

/** Tags that one request may purge. */
export const TAGS_A_PURGE = 100;

/**
 * The platform's caches. The one in front exists where wrangler.toml switches it on; it answers fresh
 * and stale pages by itself, and the copies of the Worker's own cache are for when it has none.
 */
export function platformCache(
  // Outside of a request there is none, so it is asked for each time.
  front: () => Partial<CacheContext> = () => platform.cache ?? {},
): PageCache {
  return {
    get isBehindCache() {
      return front().purge !== undefined;
    },
    async find(address) {
      const known = await caches.default.match(address);
      return known === undefined ? null : known.json<KeptPage>();
    },
    async keep(address, page) {
      const headers = { "Cache-Control": `public, max-age=${KEPT_SECONDS}` };
      await caches.default.put(address, Response.json(page, { headers }));
    },
    async purge(tags) {
      const cache = front();
      if (cache.purge === undefined) return true;
      return (await cache.purge({ tags: [...tags] })).success;
    },
  };
}
