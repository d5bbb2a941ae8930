import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import { resetMarketplace } from "../testing.ts";
import { countCommonWords } from "./common-words.ts";
import { readSearchParams } from "./read-request.ts";
import { SAMPLE_NOW, seedCatalogue } from "./sample-catalogue.ts";
import { searchPlugins } from "./search-plugins.ts";
import { SORT_NAMES } from "./sorts.ts";
import type { SearchPage } from "./search-page.ts";

const PLUGINS = 10_000;
const BROWSE_ROWS = 60;
const FIRST_RELEVANCE_ROWS = 650;
const ALL_LETTERS = 37;

beforeAll(async () => {
  await resetMarketplace();
  await seedCatalogue(env.SEARCH, PLUGINS);
  await countCommonWords(env.SEARCH, { now: new Date(SAMPLE_NOW), letters: ALL_LETTERS });
}, 240_000);

/** A page, and the rows that D1 bills for it. */
async function fetchPage(query: string): Promise<SearchPage & { rows: number; isScored: boolean }> {
  let rows = 0;
  let isScored = false;
  const counted = (statement: D1PreparedStatement) => ({
    all: async () => {
      const result = await statement.all();
      rows += result.meta.rows_read;
      return result;
    },
  });
  const search = {
    prepare: (sql: string) => ({
      bind: (...values: (string | number)[]) => {
        isScored ||= sql.includes("rank MATCH");
        return counted(env.SEARCH.prepare(sql).bind(...values));
      },
    }),
  };
  const context = { search, cursorSecret: new Uint8Array(32), now: SAMPLE_NOW };
  const page = await searchPlugins(context, readSearchParams(new URLSearchParams(query)));
  return { ...page, rows, isScored };
}

const FILTERS = {
  none: "",
  category: "category=finance",
  "a permission": "permission=customers.view",
  "no permission": "permission=!customers.view",
  "two permissions, not a third":
    "permission=customers.view&permission=storage&permission=!network",
  price: "price=paid",
  host: "host=2.4",
  "a major version of the host": "host=2",
  verified: "verified=true",
  "all of them":
    "category=finance&category=team&permission=customers.view&permission=!network&price=free&host=2.4&verified=false",
};
const QUERIES = {
  "a word in most plugins": "service",
  "a common word": "invoice",
  "a beginning": "ba",
  "two words": "invoice manager",
  "words and a beginning": "kunden exp",
  "an umlaut": "Schlüssel",
  "a rare word": "invoice-export-17",
};

describe.each(Object.entries(FILTERS))("filter: %s", (_, filter) => {
  test.each(SORT_NAMES)(
    "browsing by %s stays within the row budget on every page",
    async (sort) => {
      let cursor = "";
      for (let page = 0; page < 3; page++) {
        const found = await fetchPage(`sort=${sort}&${filter}${cursor}`);
        expect(found.rows).toBeLessThanOrEqual(BROWSE_ROWS);
        if (found.prevCursor !== null) {
          const back = await fetchPage(`sort=${sort}&${filter}&cursor=${found.prevCursor}`);
          expect(back.rows).toBeLessThanOrEqual(BROWSE_ROWS);
        }
        if (found.nextCursor === null) break;
        cursor = `&cursor=${found.nextCursor}`;
      }
    },
  );

  test.each(Object.entries(QUERIES))("searching %s stays within the row budgets", async (_, q) => {
    const first = await fetchPage(`q=${q}&${filter}`);
    expect(first.rows).toBeLessThanOrEqual(FIRST_RELEVANCE_ROWS);
    if (first.nextCursor !== null) {
      const second = await fetchPage(`q=${q}&${filter}&cursor=${first.nextCursor}`);
      expect(second.rows).toBeLessThanOrEqual(BROWSE_ROWS);
    }
    for (const sort of SORT_NAMES) {
      const sorted = await fetchPage(`q=${q}&sort=${sort}&${filter}`);
      expect(sorted.rows).toBeLessThanOrEqual(BROWSE_ROWS);
    }
  });
});

test("a search that finds nothing stays within the budget of a first page", async () => {
  for (const q of ["invocie", "remindr shedule", "qqqq", "zzzz invoice manager plugin"]) {
    expect((await fetchPage(`q=${q}`)).rows).toBeLessThanOrEqual(FIRST_RELEVANCE_ROWS);
  }
  const known = "archive board customer export import key lager manager quote";
  for (const q of ["invocie", `${known} srevice`]) {
    const found = await fetchPage(`q=${q}&sort=new`);
    expect(found.rows).toBeLessThanOrEqual(BROWSE_ROWS);
    expect(found.cards).toEqual([]);
  }
});

test("words that most plugins have are not scored, and show something beside one that nothing has", async () => {
  const counted = env.SEARCH.prepare("SELECT words FROM common_words WHERE letter = 's'");
  expect(await counted.first("words")).toContain('"service"');
  const common = await fetchPage("q=service");
  expect([common.cards.length, common.isScored]).toEqual([20, false]);
  const rare = await fetchPage("q=stock");
  expect(rare.isScored).toBe(true);
  const beside = await fetchPage("q=zzzz%20service");
  expect(beside.help?.withoutWords).toEqual(["zzzz"]);
  expect(beside.cards).toHaveLength(20);
});

test("the longest page reads about two rows an item, and a ranked one stays within its budget", async () => {
  expect((await fetchPage("sort=new&limit=100")).rows).toBeLessThanOrEqual(210);
  expect((await fetchPage("q=service&limit=100")).rows).toBeLessThanOrEqual(FIRST_RELEVANCE_ROWS);
});

test("following the cursors of a sort shows every plugin once, in order", async () => {
  const filter = "category=finance&price=free&limit=100";
  const seen: string[] = [];
  const updated: string[] = [];
  let page = await fetchPage(`sort=updated&${filter}`);
  for (;;) {
    seen.push(...page.cards.map(({ name }) => name));
    updated.push(...page.cards.map(({ updatedAt }) => updatedAt.slice(0, 19)));
    if (page.nextCursor === null) break;
    page = await fetchPage(`sort=updated&${filter}&cursor=${page.nextCursor}`);
  }
  const tags = `"_cat_finance" AND "_price_free"`;
  const expected = await env.SEARCH.prepare("SELECT rowid FROM words WHERE words MATCH ?")
    .bind(tags)
    .all();
  expect(new Set(seen).size).toBe(seen.length);
  expect(seen.length).toBe(expected.results.length);
  expect(updated).toEqual(updated.toSorted().toReversed());
});

test("following the cursors of a ranking shows 200 plugins once", async () => {
  const seen = new Set<string>();
  let page = await fetchPage("q=service&limit=30");
  for (let pages = 1; ; pages++) {
    for (const { name } of page.cards) seen.add(name);
    if (page.nextCursor === null) {
      expect([pages, seen.size]).toEqual([7, 200]);
      break;
    }
    page = await fetchPage(`q=service&limit=30&cursor=${page.nextCursor}`);
  }
});
