import { env } from "cloudflare:workers";
import { beforeAll, expect, test } from "vitest";
import { elementsOf, parseXml, textOf } from "../sample-xml.ts";
import { counting } from "../testing-bindings.ts";
import { writeSearchDoc } from "../search/index-plugin.ts";
import { SAMPLE_NOW, sampleListing } from "../search/sample-catalogue.ts";
import { call, ORIGIN, resetMarketplace } from "../testing.ts";
import { IDS_A_SITEMAP } from "./queries.ts";

beforeAll(async () => {
  await resetMarketplace();
  for (const name of ["@acme/one", "@acme/two", "@acme/three"]) {
    await writeSearchDoc(env.SEARCH, sampleListing({ name }));
  }
});

async function locations(path: string) {
  const answer = await call(path);
  expect([path, answer.status]).toEqual([path, 200]);
  expect(answer.headers.get("cache-control")).toMatch(/^public, max-age=3600/);
  const root = parseXml(await answer.text());
  expect(root.attributes["xmlns"]).toBe("http://www.sitemaps.org/schemas/sitemap/0.9");
  return { root, pages: elementsOf(root, "loc").map((loc) => textOf(loc)) };
}

test("robots.txt leads to the index, the index to sitemaps, and those to every listed plugin", async () => {
  const robots = await (await call("/robots.txt")).text();
  expect(robots).toContain(`Sitemap: ${ORIGIN}/sitemap.xml\n`);
  expect(robots).toContain("Disallow: /v1/\n");
  const { root, pages } = await locations("/sitemap.xml");
  expect([root.name, pages]).toEqual(["sitemapindex", [`${ORIGIN}/sitemap/0.xml`]]);
  const first = await locations("/sitemap/0.xml");
  expect(first.root.name).toBe("urlset");
  const plugins = ["one", "two", "three"].map((name) => `${ORIGIN}/plugins/@acme/${name}`);
  expect(first.pages).toEqual([`${ORIGIN}/`, ...plugins]);
  const changed = elementsOf(first.root, "lastmod").map((time) => textOf(time));
  expect(changed[0]).toBe(new Date(SAMPLE_NOW).toISOString());
  for (const url of first.pages) expect(url.startsWith(`${ORIGIN}/`)).toBe(true);
});

test("a plugin keeps its sitemap, and each is read by the rows that it shows", async () => {
  const id = 2 * IDS_A_SITEMAP + 5;
  const copied =
    (await env.SEARCH.prepare("SELECT * FROM docs WHERE name = '@acme/one'").first()) ?? {};
  const columns = Object.keys(copied).filter((column) => column !== "all_words");
  const values = columns.map((column) =>
    column === "id" ? id : column === "name" ? "@acme/late" : copied[column],
  );
  await env.SEARCH.prepare(
    `INSERT INTO docs (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")})`,
  )
    .bind(...values)
    .run();
  const { pages } = await locations("/sitemap.xml");
  expect(pages).toEqual([0, 1, 2].map((number) => `${ORIGIN}/sitemap/${number}.xml`));
  const { bindings, count } = counting(env);
  await call("/sitemap.xml", {}, bindings);
  count.rowsRead = 0;
  await call("/sitemap.xml", {}, bindings);
  expect(count.rowsRead).toBeLessThanOrEqual(2);
  count.rowsRead = 0;
  const last = await call("/sitemap/2.xml", {}, bindings);
  expect(await last.text()).toContain("/plugins/@acme/late");
  expect(count.rowsRead).toBeLessThanOrEqual(3);
  expect((await locations("/sitemap/1.xml")).pages).toEqual([]);
  expect((await call("/sitemap/3.xml")).status).toBe(404);
});

test.each(["/sitemap/00.xml", "/sitemap/-1.xml", "/sitemap/1.html", "/sitemap/99999.xml"])(
  "refuses %s",
  async (path) => {
    expect((await call(path)).status).toBe(400);
  },
);

test("a sitemap that is known is 304", async () => {
  const etag = (await call("/sitemap/0.xml")).headers.get("etag") ?? "";
  const again = await call("/sitemap/0.xml", { headers: { "If-None-Match": `"x", ${etag}` } });
  expect(again.status).toBe(304);
});
