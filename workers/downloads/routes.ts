import { RbsmError, bundlePath, releasePath } from "@rising-bsm/protocol";
import { z } from "zod";
import { secretBytes } from "../env.ts";
import { CACHE, createRoute, createRoutes, problemAnswer } from "../http.ts";
import type { AppContext } from "../http.ts";
import { openToPages } from "../open-to-pages.ts";
import { verifyDownloadUrl } from "./download-url.ts";
import { serveOpenBundle } from "./open-bundle.ts";
import { serveLinkedBundle } from "./private-bundle.ts";
import { serveObject } from "./serve-object.ts";

/** The static plane: bytes from R2, never a query. It has to work while the databases are away. */
const staticBytes = (description: string, type: string) => ({
  200: { description, content: { [type]: { schema: z.any() } } },
  206: { description: "The range asked for" },
  304: { description: "The caller's copy is still the newest" },
  416: { ...problemAnswer, description: "The range lies outside" },
  default: problemAnswer,
});

const bundleRoute = createRoute({
  method: "get",
  path: "/b/{file}",
  request: {
    params: z.object({ file: z.string().describe("<sha256>.rbsm") }),
    query: z.object({
      e: z.string().optional().describe("End of the grant, seconds since 1970"),
      i: z.string().optional().describe("Instance that the grant is for"),
      m: z.string().optional().describe("Message authentication code of the grant"),
    }),
  },
  responses: staticBytes("The bundle", "application/octet-stream"),
});

const redirectRoute = createRoute({
  method: "get",
  path: "/{scope}/{name}/{version}/bundle.rbsm",
  request: { params: z.object({ scope: z.string(), name: z.string(), version: z.string() }) },
  responses: { 302: { description: "To the bundle's own URL" }, default: problemAnswer },
});

const pluginDocumentRoute = createRoute({
  method: "get",
  path: "/index/{scope}/{file}",
  request: { params: z.object({ scope: z.string(), file: z.string().describe("<name>.json") }) },
  responses: staticBytes("The public document of a plugin", "application/json"),
});

const releaseRoute = createRoute({
  method: "get",
  path: "/index/{scope}/{name}/{file}",
  request: {
    params: z.object({
      scope: z.string(),
      name: z.string(),
      file: z.string().describe("<version>.release.json, <version>.tlog-proof or <sha256>.json"),
    }),
  },
  responses: staticBytes(
    "The marketplace's signed statement about a version, the proof that it is in the log (text/plain), or a document that the catalogue lists",
    "application/json",
  ),
});

const trustMetadataRoute = createRoute({
  method: "get",
  path: "/tuf/{file}",
  request: { params: z.object({ file: z.string() }) },
  responses: staticBytes("TUF metadata", "application/json"),
});

const trustTargetRoute = createRoute({
  method: "get",
  path: "/tuf/targets/{file}",
  request: { params: z.object({ file: z.string().describe("<sha256>.<name>") }) },
  responses: staticBytes("A TUF target", "application/json"),
});

const catalogTargetRoute = createRoute({
  method: "get",
  path: "/tuf/targets/catalog/{file}",
  request: { params: z.object({ file: z.string().describe("<sha256>.<name>") }) },
  responses: staticBytes("A TUF target of the online role", "application/json"),
});

const checkpointRoute = createRoute({
  method: "get",
  path: "/log/checkpoint",
  responses: staticBytes("The signed head of the log (c2sp.org/tlog-checkpoint)", "text/plain"),
});

export const downloads = createRoutes();

for (const path of ["/b/*", "/index/*", "/log/*", "/tuf/*", "/:scope/:name/:version/bundle.rbsm"]) {
  downloads.use(path, openToPages);
}

/** Described apart from the route: a tile's number has slashes, which a described parameter cannot have. */
downloads.openAPIRegistry.registerPath({
  method: "get",
  path: "/log/tile/{level}/{number}",
  request: {
    params: z.object({
      level: z.string().describe("0, 1, … or entries"),
      number: z.string().describe("001, x001/234; of a part of a tile 001.p/12"),
    }),
  },
  responses: staticBytes("Hashes or entries (c2sp.org/tlog-tiles)", "application/octet-stream"),
});
downloads.on("GET", "/log/tile/:level/:number{.+}", serveDocument);

downloads.openapi(bundleRoute, async (c) => {
  const sha256 = /^([0-9a-f]{64})\.rbsm$/.exec(c.req.valid("param").file)?.[1];
  if (sha256 === undefined) throw new RbsmError("not_found");
  const key = objectKey(bundlePath(sha256));
  const hasLink = c.req.valid("query").m !== undefined && (await isLinkValid(c));
  return hasLink ? serveLinkedBundle(c, key) : serveOpenBundle(c, key);
});

function isLinkValid(c: AppContext): Promise<boolean> {
  return verifyDownloadUrl(secretBytes(c.env, "DOWNLOAD_KEY"), new URL(c.req.url), new Date());
}

downloads.openapi(redirectRoute, async (c) => {
  const { scope, name, version } = c.req.valid("param");
  const release = await c.env.BUNDLES.head(objectKey(releasePath(`${scope}/${name}`, version)));
  const sha256 = release?.customMetadata?.["bundle"];
  if (sha256 === undefined) throw new RbsmError("plugin_not_found");
  c.header("Cache-Control", CACHE.immutable);
  return c.redirect(bundlePath(sha256), 302);
});

downloads.openapi(pluginDocumentRoute, serveDocument);
downloads.openapi(releaseRoute, serveDocument);
downloads.openapi(checkpointRoute, serveDocument);
downloads.openapi(trustMetadataRoute, serveDocument);
downloads.openapi(trustTargetRoute, serveDocument);
downloads.openapi(catalogTargetRoute, serveDocument);

async function serveDocument(c: AppContext): Promise<Response> {
  const found = await serveObject(c.env.BUNDLES, objectKey(decodedPath(c)), c.req.raw);
  if (found === null) throw new RbsmError("not_found");
  return found;
}

/** Clients may escape what need not be: `/index/%40acme/hello.json` is `/index/@acme/hello.json`. */
function decodedPath(c: AppContext): string {
  try {
    return decodeURIComponent(new URL(c.req.url).pathname);
  } catch (cause) {
    throw new RbsmError("not_found", undefined, {}, cause);
  }
}

/** Far longer than any address that something was stored under; R2 fails on keys over 1,024 bytes. */
const MAX_PATH_LENGTH = 512;

/** R2 keys are URL paths without the leading slash. */
function objectKey(path: string): string {
  if (path.length > MAX_PATH_LENGTH || !/^[\w@.+/-]+$/.test(path)) throw new RbsmError("not_found");
  return path.slice(1);
}
