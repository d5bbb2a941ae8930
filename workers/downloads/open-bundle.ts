import { RbsmError } from "@rising-bsm/protocol";
import type { AppContext } from "../http.ts";
import { isLicensed } from "../release/bundle-object.ts";
import { serveCached, serveStored } from "./serve-bundle.ts";

/** How long the Worker's cache remembers that a bundle needs a link. */
const REMEMBERED_S = 3_600;

/**
 * Serves a bundle to a caller without a link: a free one to anybody. That a bundle needs one is
 * remembered like its bytes would be, so that asking for it often reads no bucket either.
 */
export async function serveOpenBundle(c: AppContext, key: string): Promise<Response> {
  const { env, req, executionCtx } = c;
  const cacheKey = new URL(`/${key}`, req.url).href;
  const known = await serveCached(c, cacheKey);
  if (known !== null) return known;
  const refusedKey = new URL(`/needs-link/${key}`, req.url).href;
  if ((await caches.default.match(refusedKey)) !== undefined) throw linkRefused();
  const found = await serveStored(c, { bucket: env.BUNDLES, key, cacheKey });
  if (found !== null) return found;
  const guarded = await env.PRIVATE.head(key);
  if (guarded === null) throw new RbsmError("not_found");
  // One that only waits for its review will be free for all: that must not be remembered otherwise.
  if (isLicensed(guarded)) {
    const headers = { "Cache-Control": `public, max-age=${REMEMBERED_S}` };
    executionCtx.waitUntil(caches.default.put(refusedKey, new Response("", { headers })));
  }
  throw linkRefused();
}

function linkRefused(): RbsmError {
  const fix = "Ask POST /v1/downloads for a fresh link with a valid lease";
  return new RbsmError("license_refused", "The bundle needs a link that is still valid", { fix });
}
