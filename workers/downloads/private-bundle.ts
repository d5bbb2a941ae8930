import type { AppContext } from "../http.ts";
import { isPlainGet } from "./decide-delivery.ts";
import { serveObject } from "./serve-object.ts";

/** What the holder of a link may keep. Shared caches must not: the link ends, their copy would not. */
const HOLDER_ONLY = "private, max-age=600";

/**
 * Serves a paid or private bundle to a caller whose link was checked. The copy in the Worker's cache
 * lies under a path that no route serves and without the query, so that neither a link nor made-up
 * parameters become part of the key.
 */
export async function servePrivateBundle(c: AppContext, key: string): Promise<Response | null> {
  const { env, req } = c;
  if (!isPlainGet(req.raw)) return forHolder(await serveObject(env.PRIVATE, key, req.raw));
  const cacheKey = new URL(`/private-copy/${key}`, req.url).href;
  const known = await caches.default.match(cacheKey);
  if (known !== undefined) return forHolder(known);
  const found = await serveObject(env.PRIVATE, key, req.raw);
  if (found === null) return null;
  c.executionCtx.waitUntil(caches.default.put(cacheKey, found.clone()));
  return forHolder(found);
}

function forHolder(response: Response | null): Response | null {
  if (response === null) return null;
  const headers = new Headers(response.headers);
  headers.set("Cache-Control", HOLDER_ONLY);
  return new Response(response.body, { status: response.status, headers });
}
