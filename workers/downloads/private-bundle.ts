import { RbsmError } from "@rising-bsm/protocol";
import type { AppContext } from "../http.ts";
import { DOWNLOAD_URL_SECONDS } from "./download-url.ts";
import { serveBundle } from "./serve-bundle.ts";

/**
 * Serves a bundle that needs a link to a caller whose link was checked. The Worker runs before its
 * cache, so the copy there is never answered without that check; it lies under a path that no route
 * serves. A download that began before its link ended goes on to its end.
 */
export async function serveLinkedBundle(c: AppContext, key: string): Promise<Response> {
  const cacheKey = new URL(`/private-copy/${key}`, c.req.url).href;
  const found = await serveBundle(c, { bucket: c.env.PRIVATE, key, cacheKey });
  if (found === null) throw new RbsmError("not_found");
  const headers = new Headers(found.headers);
  // Shared caches must not keep it: the link ends, their copy would not.
  headers.set("Cache-Control", `private, max-age=${DOWNLOAD_URL_SECONDS}`);
  // The address is the right to the bytes: it must not travel on.
  headers.set("Referrer-Policy", "no-referrer");
  headers.delete("Access-Control-Allow-Origin");
  headers.delete("Access-Control-Expose-Headers");
  return new Response(found.body, { status: found.status, headers });
}
