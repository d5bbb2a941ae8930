import { env } from "cloudflare:workers";
import { pluginPageSchema } from "@rising-bsm/protocol";
import { beforeAll, describe, expect, test } from "vitest";
import { writeSearchDoc } from "../search/index-plugin.ts";
import { sampleListing, seedCatalogue } from "../search/sample-catalogue.ts";
import { call, resetMarketplace } from "../testing.ts";
import { describeFilter, withoutFilter, withoutParam } from "./browse-params.ts";

beforeAll(async () => {
  await resetMarketplace();
  await seedCatalogue(env.SEARCH, 80);
  const permissions = [{ code: "customers.view", optional: false }];
  const publisher = { name: "acme", displayName: "Acme", verified: true };
  const acme = { publisher, icon: "/media/00.png" };
  const newsletter = { name: "@acme/newsletter", displayName: "Newsletter wizard", permissions };
  await writeSearchDoc(env.SEARCH, sampleListing({ ...newsletter, license: "MIT" }, acme));
  await env.SEARCH.exec(
    "UPDATE docs SET downloads = 3, rating = 4.5 WHERE name = '@acme/newsletter'",
  );
});

async function page(path: string): Promise<string> {
  const answer = await call(path, { headers: { Accept: "text/html" } });
  expect([path, answer.status]).toEqual([path, 200]);
  return answer.text();
}

/** Addresses of links whose text or label holds these words. */
function linksOf(html: string, words: string): string[] {
  const links = html.matchAll(/<a ([^>]*)>(.*?)<\/a>/gs);
  return [...links].flatMap(([, attributes = "", text = ""]) => {
    const href = /href="([^"]*)"/.exec(attributes)?.[1]?.replaceAll("&amp;", "&");
    return href !== undefined && `${attributes} ${text}`.includes(words) ? [href] : [];
  });
}

const pluginsOf = (html: string) =>
  [...html.matchAll(/<h3><a href="\/plugins\/([^"?]+)/g)].map(([, name]) => name);

test("a better spelling keeps what was understood as a filter", async () => {
  const html = await page("/?q=newslettre+without+network&lang=en");
  expect(linksOf(html, "newsletter")).toContain("/?q=newsletter&permission=%21network&lang=en");
});

describe("the front page", () => {
  test("has shelves, categories with counts, and then the most popular plugins", async () => {
    const html = await page("/?lang=en");
    expect(linksOf(html, "New: Show all")).toEqual(["/?sort=new&lang=en"]);
    expect(linksOf(html, "Trending: Show all")).toEqual(["/?sort=trending&lang=en"]);
    expect(linksOf(html, "Finance (")).toEqual(["/?category=finance&lang=en"]);
    expect(html).toContain("Most popular");
    const popular = html.slice(html.indexOf('id="results"'));
    const { items } = pluginPageSchema.parse(await (await call("/v1/plugins?limit=12")).json());
    expect(pluginsOf(popular)).toEqual(items.map(({ name }) => name));
  });

  test("leads on through all plugins and back, each shown once", async () => {
    const seen: (string | undefined)[] = [];
    const first = await page("/?lang=en");
    let html = first.slice(first.indexOf('id="results"'));
    for (let pages = 0; pages < 10; pages++) {
      seen.push(...pluginsOf(html));
      const [next] = linksOf(html, 'rel="next"');
      if (next === undefined) break;
      html = await page(next);
    }
    expect(seen.length).toBe(81);
    expect(new Set(seen).size).toBe(81);
    const [back] = linksOf(html, 'rel="prev"');
    expect(pluginsOf(await page(back ?? "")).length).toBeGreaterThan(0);
    expect(linksOf(html, "Back to the first page")).toEqual(["/?lang=en"]);
  });
});

describe("filters", () => {
  test("stand above the results, each as a link that removes it alone", async () => {
    const html = await page("/?lang=en&price=free&permission=!customers.edit&permission=!network");
    expect(linksOf(html, "Remove the filter “Free”")).toEqual([
      "/?permission=%21customers.edit&permission=%21network&lang=en",
    ]);
    expect(linksOf(html, "Without: Exchange data with services outside")).toEqual([
      "/?price=free&permission=%21customers.edit&lang=en",
    ]);
    expect(html).toContain('value="!network" checked=""');
  });

  test("of license and of a permission that is needed are offered with counts", async () => {
    const html = await page("/?lang=en&license=MIT&permission=customers.view");
    expect(html).toContain('<option value="MIT" selected="">MIT (1)</option>');
    expect(html).toMatch(
      /<option value="customers.view" selected="">See your customers[^<]*\(\d+\)</,
    );
    expect(pluginsOf(html)).toEqual(["@acme/newsletter"]);
    await env.SEARCH.exec("UPDATE catalogue SET facets = '{}'");
    expect(await page("/?lang=en&sort=new")).toContain('<option value="" selected="">Any license');
  });

  test("that keep everything away are named, with what is found without them", async () => {
    const html = await page("/?lang=en&q=newsletter&price=paid");
    expect(pluginsOf(html)).toEqual([]);
    expect(html).toContain("at least 1 plugin");
    expect(linksOf(html, "Remove the filter “Paid”")).toContain("/?q=newsletter&lang=en");
  });

  test("that a query says in words are shown as what they were understood as", async () => {
    const html = await page(`/?lang=de&q=${encodeURIComponent("newsletter ohne Kundendaten")}`);
    expect(html).toContain("Ohne: Irgendetwas mit Kunden tun");
    expect(pluginsOf(html)).not.toContain("@acme/newsletter");
  });
});

test("words that are typed into the form of the front page are found as the API finds them", async () => {
  const form = /<select id="sort".*?<\/select>/s.exec(await page("/?lang=en"))?.[0] ?? "";
  const [, sort] = /<option value="([^"]*)" selected=""/.exec(form) ?? [];
  expect(sort).toBe("");
  const found = pluginsOf(await page(`/?q=wizard&sort=${sort ?? "none"}&lang=en`));
  const { items } = pluginPageSchema.parse(await (await call("/v1/plugins?q=wizard")).json());
  expect(found).toEqual(items.map(({ name }) => name));
  expect(await page("/?q=wizard&sort=popular&lang=en")).toContain('value="popular" selected=""');
});

test("what is missing in the best match is said only where there is one", async () => {
  const missing = "Not in the best match:";
  expect(await page("/?lang=en&q=newsletter+xyzzyq")).toContain(missing);
  const nothing = await page("/?lang=en&q=!!!");
  expect(nothing).toContain("No plugin was found.");
  expect(nothing).not.toContain(missing);
});

test("a card has its plugin's icon, or the first letter of its title", async () => {
  const html = await page("/?lang=en&q=newsletter");
  expect(html).toContain('<img class="tile" src="/media/00.png" alt="" width="48" height="48"');
  expect(await page("/?lang=en&sort=name")).toContain(
    '<span class="tile" aria-hidden="true">A</span>',
  );
});

test("a card says how a plugin is rated, for eyes and for ears", async () => {
  const html = await page("/?lang=de&q=newsletter");
  expect(html).toContain('<span aria-hidden="true">★ 4,5</span>');
  expect(html).toContain('<span class="unseen">4,5 von 5 Sternen</span>');
});

test("the page names the feed of new releases", async () => {
  const html = await page("/?lang=de");
  expect(html).toContain(
    '<link rel="alternate" type="application/atom+xml" title="Neue Plugin-Versionen" href="/feed.atom?lang=de"',
  );
});

describe("parameters", () => {
  const params = [
    ["q", "x"],
    ["permission", "!customers.read"],
    ["permission", "!network"],
    ["category", "team"],
    ["category", "finance"],
  ] as const;

  test("are removed one at a time, or as help names them", () => {
    expect(withoutParam(params, ["category", "team"])).toHaveLength(4);
    const help = { name: "permission", value: "!customers.view" };
    expect(withoutFilter(params, help)).toEqual(params.filter((_, at) => at !== 1));
    expect(withoutFilter(params, { name: "category", value: "team,finance" })).toEqual(
      params.slice(0, 3),
    );
    expect(withoutFilter(params, { name: "permission", value: "!customers" })).toBeNull();
  });

  test.each([
    ["category", "finance", "Finance", "Finanzen"],
    ["price", "paid", "Paid", "Kostenpflichtig"],
    ["license", "MIT", "License MIT", "Lizenz MIT"],
    ["host", "2.1", "Rising-BSM 2.1", "Rising-BSM 2.1"],
    ["verified", "false", "Publishers that are not verified", "Nicht verifizierte Anbieter"],
    [
      "permission",
      "!customers",
      "Without: Do anything with customers",
      "Ohne: Irgendetwas mit Kunden tun",
    ],
    ["permission", "storage", "With: Keep data of its own", "Mit: Eigene Daten speichern"],
    ["other", "x", "x", "x"],
  ])("%s=%s is %s, %s", (name, value, ...[en, de]) => {
    expect([describeFilter([name, value], "en"), describeFilter([name, value], "de")]).toEqual([
      en,
      de,
    ]);
  });
});
