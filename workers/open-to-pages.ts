import { createMiddleware } from "hono/factory";
import type { AppEnv } from "./env.ts";
import { CACHE, isForOne } from "./http.ts";
import type { AppContext } from "./http.ts";

/** What of the API everybody is told. */
export const OPEN_PATHS = ["/v1/plugins/*", "/v1/changes", "/v1/advisories/:id"];

/** Pages of other sites read what is open: also where it is, that it is not there, and by conditions. */
export const openToPages = createMiddleware<AppEnv>(async (c, next) => {
  if (c.req.method === "OPTIONS") return c.body(null, 204, PREFLIGHT);
  await next();
  if (isForAll(c)) c.header("Access-Control-Allow-Origin", "*");
  return undefined;
});

/** A token or a proof is not among the headers: what depends on one is not for pages. */
const PREFLIGHT = {
  "Access-Control-Allow-Origin": "*",
  "Access-Control-Allow-Methods": "GET, HEAD",
  "Access-Control-Allow-Headers": "If-None-Match, If-Range, Range",
  "Access-Control-Max-Age": "86400",
  "Cache-Control": CACHE.none,
};

/** What caches may give everybody, and what is refused to whoever asks without a token or a proof. */
function isForAll({ req, res }: AppContext): boolean {
  if (res.headers.get("Cache-Control")?.startsWith("public,") === true) return true;
  const isRead = req.method === "GET" || req.method === "HEAD";
  return isRead && res.status >= 400 && !isForOne(req.raw);
}
