import { RbsmError } from "@rising-bsm/protocol";
import { z } from "zod";
import { answerText } from "../answer-text.ts";
import { requireSchema } from "../database.ts";
import { CACHE, createRoute, createRoutes, problemAnswer } from "../http.ts";
import { absoluteUrl } from "../plugin-address.ts";
import { countSitemaps, listPluginsOfSitemap } from "./queries.ts";
import { writeSitemap, writeSitemapIndex } from "./write-sitemap.ts";

const XML = "application/xml; charset=utf-8";

const xmlAnswer = {
  description: "XML of sitemaps.org",
  content: { "application/xml": { schema: z.string() } },
};

const indexRoute = createRoute({
  method: "get",
  path: "/sitemap.xml",
  middleware: [requireSchema] as const,
  responses: { 200: xmlAnswer, default: problemAnswer },
});

const sitemapRoute = createRoute({
  method: "get",
  path: "/sitemap/{file}",
  middleware: [requireSchema] as const,
  request: { params: z.object({ file: z.string().regex(/^(?:0|[1-9]\d{0,3})\.xml$/) }) },
  responses: { 200: xmlAnswer, default: problemAnswer },
});

const robotsRoute = createRoute({
  method: "get",
  path: "/robots.txt",
  responses: {
    200: { description: "What robots may read", content: { "text/plain": { schema: z.string() } } },
  },
});

/** What robots of search engines ask for. */
export const sitemap = createRoutes();

sitemap.openapi(indexRoute, async (c) => {
  const count = await countSitemaps(c.env.SEARCH.withSession("first-unconstrained"));
  const sitemaps = Array.from({ length: count }, (_, number) => ({
    url: absoluteUrl(c, `/sitemap/${number}.xml`),
    changedAt: null,
  }));
  return answerText(c, { text: writeSitemapIndex(sitemaps), type: XML, cache: CACHE.robots });
});

sitemap.openapi(sitemapRoute, async (c) => {
  const number = Number.parseInt(c.req.valid("param").file, 10);
  const search = c.env.SEARCH.withSession("first-unconstrained");
  const [count, plugins] = await Promise.all([
    countSitemaps(search),
    listPluginsOfSitemap(search, number),
  ]);
  // One that the index names is there, also when all of its plugins are gone.
  if (number >= count) throw new RbsmError("not_found");
  const pages = plugins.map(({ name, updatedAt }) => ({
    url: absoluteUrl(c, `/plugins/${name}`),
    changedAt: updatedAt,
  }));
  const start = number === 0 ? [{ url: absoluteUrl(c, "/"), changedAt: null }] : [];
  const text = writeSitemap([...start, ...pages]);
  return answerText(c, { text, type: XML, cache: CACHE.robots });
});

sitemap.openapi(robotsRoute, (c) => {
  const rules = ["User-agent: *", "Disallow: /v1/", "Disallow: /orders/", "Disallow: /*?*cursor="];
  const text = [...rules, "", `Sitemap: ${absoluteUrl(c, "/sitemap.xml")}`, ""].join("\n");
  return c.text(text, 200, { "Cache-Control": CACHE.robots });
});
