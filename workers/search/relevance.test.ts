import { env } from "cloudflare:workers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { pluginPageSchema } from "@rising-bsm/protocol";
import type { PluginPage } from "@rising-bsm/protocol";
import * as fc from "fast-check";
import { call, resetMarketplace } from "../testing.ts";
import { counting } from "../testing-bindings.ts";
import { countCommonWords } from "./common-words.ts";
import { judgedCatalogue, judgedQueries } from "./judged-catalogue.ts";
import { readSearchParams } from "./read-request.ts";
import { SAMPLE_NOW, writeCatalogue } from "./sample-catalogue.ts";
import { listAlike } from "./vocabulary-queries.ts";
import { searchPlugins } from "./search-plugins.ts";
import type { SearchPage } from "./search-page.ts";

const MIN_RECALL = 0.98;
const MIN_FIRST = 0.955;

const names: string[] = [];

beforeAll(async () => {
  await resetMarketplace();
  const catalogue = [...judgedCatalogue()];
  names.push(...catalogue.map(({ listing }) => listing.name));
  await writeCatalogue(env.SEARCH, catalogue);
}, 60_000);

function search(query: string): Promise<SearchPage> {
  const context = { search: env.SEARCH, cursorSecret: new Uint8Array(32), now: SAMPLE_NOW };
  return searchPlugins(context, readSearchParams(new URLSearchParams(query)));
}

async function firstTen(q: string): Promise<string[]> {
  const { cards } = await search(new URLSearchParams({ q, limit: "10" }).toString());
  return cards.map(({ name }) => name);
}

test("people find what they mean: ten results hold it, and it is mostly the first", async () => {
  const queries = judgedQueries();
  expect(queries.length).toBeGreaterThanOrEqual(120);
  let recall = 0;
  let first = 0;
  const misses: string[] = [];
  for (const { query, wanted } of queries) {
    expect(names).toEqual(expect.arrayContaining([...wanted]));
    const found = await firstTen(query);
    const share = wanted.filter((name) => found.includes(name)).length / wanted.length;
    recall += share / queries.length;
    if (found[0] === wanted[0]) first += 1 / queries.length;
    if (share < 1 || found[0] !== wanted[0]) {
      misses.push(`${query} => ${found.slice(0, 3).join(" ")} (${share})`);
    }
  }
  const report = `recall ${recall}, first ${first}\n${misses.join("\n")}`;
  expect(recall, report).toBeGreaterThanOrEqual(MIN_RECALL);
  expect(first, report).toBeGreaterThanOrEqual(MIN_FIRST);
}, 60_000);

async function ask(query: string): Promise<PluginPage> {
  const response = await call(`/v1/plugins?${query}`);
  expect(response.status).toBe(200);
  return pluginPageSchema.parse(await response.json());
}

const first = async (query: string) => (await ask(query)).items[0]?.name.replace("@judged/", "");

test.each([
  ["a compound for two words", "q=Kalenderabgleich", "outlook-calendar-sync"],
  ["a word inside a compound", "q=sicherung", "backup"],
  ["a beginning while typing", "q=fahrtenb", "mileage-log"],
  ["any order", "q=reminders%20sms", "sms-reminder"],
  ["the other language", "q=inventory", "stock-manager"],
  ["whom it is from and its name", "q=judged%20weather", "weather"],
  ["a permission", "q=customers.delete", "duplicate-finder"],
])("%s finds it: %s", async (_, query, expected) => {
  const { items } = await ask(query);
  expect(items.map(({ name }) => name)).toContain(`@judged/${expected}`);
});

test("a whole name comes first, however popular the others are", async () => {
  expect(await first("q=Newsletter")).toBe("newsletter");
  expect(await first("q=dark%20mode")).toBe("dark-mode");
  expect(await first("q=@judged/pdf-tools")).toBe("pdf-tools");
});

describe("misspelt words", () => {
  test("show what was meant, and say so as the plugins write it", async () => {
    const page = await ask("q=wettervorhersgae");
    expect(page.items[0]?.name).toBe("@judged/weather");
    expect(page.didYouMean).toBe("wettervorhersage");
    expect((await ask("q=schl%C3%BCsselverwaltugn")).didYouMean).toBe("schlüsselverwaltung");
  });

  test("are put right only to what the filters leave", async () => {
    const page = await ask("q=wettervorhersgae&category=finance");
    expect(page.didYouMean).toBeUndefined();
    expect(page.items).toEqual([]);
  });
});

describe("help", () => {
  test("names the words that nothing shown has", async () => {
    const { items, help } = await ask("q=fahrtenbuch%20xyzzyq");
    expect(items[0]?.name).toBe("@judged/mileage-log");
    expect(help).toEqual({ withoutWords: ["xyzzyq"], withoutFilters: [] });
  });

  test("names each filter without which there is something", async () => {
    const { items, help } = await ask("q=fahrtenbuch&category=security&price=free");
    expect(items).toEqual([]);
    expect(help?.withoutFilters).toEqual([{ name: "category", value: "security", atLeast: 2 }]);
    const excluded = await ask("q=Dublettenfinder&permission=!customers");
    expect(excluded.help?.withoutFilters).toEqual([
      { name: "permission", value: "!customers", atLeast: 1 },
    ]);
    const browsed = await ask("verified=true&category=finance");
    expect(browsed.help?.withoutFilters).toEqual([{ name: "verified", value: "true", atLeast: 8 }]);
  });

  test("is not given where there is something", async () => {
    expect((await ask("q=fahrtenbuch")).help).toBeUndefined();
  });
});

test("a whole entity is kept away by a filter, and by words that say so", async () => {
  const filtered = await ask("q=wetter&permission=!appointments");
  expect(filtered.items.map(({ name }) => name)).not.toContain("@judged/weather");
  const said = await ask(new URLSearchParams({ q: "notes that never touch customers" }).toString());
  expect(said.understood).toEqual([
    { words: "that never touch customers", filter: { name: "permission", value: "!customers" } },
  ]);
  expect(said.items.length).toBeGreaterThan(0);
  const touched = said.items.flatMap(({ permissions }) => permissions);
  expect(touched.filter((code) => code.startsWith("customers"))).toEqual([]);
  expect((await ask("q=ohne%20Kundendaten&sort=new")).items.length).toBeGreaterThan(0);
  expect((await ask("q=notes")).understood).toBeUndefined();
});

test("what is left of a query when its filters are taken out may be nothing", async () => {
  const found = await ask("q=Plugins%20that%20never%20touch%20customers");
  expect(found.understood).toHaveLength(1);
  const { items } = await ask("permission=!customers&sort=popular");
  expect(found.items.map(({ name }) => name)).toEqual(items.map(({ name }) => name));
});

test("the mark between keywords and the rest is no word", async () => {
  // The one that says how many "Leser" there are.
  expect((await ask("q=lesser")).items).toHaveLength(1);
  const marks = env.SEARCH.prepare("SELECT word FROM terms WHERE word LIKE '\\_%' ESCAPE '\\'");
  expect((await marks.all()).results).toEqual([]);
});

test("the pages of a ranking show nothing twice, however long they are", async () => {
  const ranked = (cursor: string | null, limit: number) =>
    search(`q=appointments&limit=${limit}${cursor === null ? "" : `&cursor=${cursor}`}`);
  const shown = (page: SearchPage) => page.cards.map(({ name }) => name);
  const first = await ranked(null, 4);
  const second = await ranked(first.nextCursor, 8);
  expect(second.cards).toHaveLength(8);
  const back = await ranked(second.prevCursor, 8);
  expect(shown(back)).toEqual(shown(first));
  expect(shown(await ranked(back.nextCursor, 8))).toEqual(shown(second));
});

describe("words that are in most plugins", () => {
  const setCommon = (words: readonly string[]) =>
    env.SEARCH.batch([
      env.SEARCH.prepare("UPDATE common_words SET words = '[]'"),
      ...words.map((word) =>
        env.SEARCH.prepare(
          "UPDATE common_words SET words = json_insert(words, '$[#]', ?) WHERE letter = ?",
        ).bind(word, word[0] ?? ""),
      ),
    ]);
  const open = (word: string) =>
    Array.from(word, (_, at) => `${word.slice(0, at + 1)}*`).slice(1, 8);
  beforeAll(() => setCommon(["rechnung", "invoice"].flatMap((word) => [word, ...open(word)])));
  afterAll(() => setCommon([]));

  /** A page, and the expressions by which plugins were scored for it. */
  async function scoredFor(query: string): Promise<{ page: SearchPage; scored: string[] }> {
    const scored: string[] = [];
    const prepare = (sql: string) => ({
      bind: (...values: (string | number)[]) => {
        if (sql.includes("rank MATCH")) scored.push(String(values[0]));
        return env.SEARCH.prepare(sql).bind(...values);
      },
    });
    const context = { search: { prepare }, cursorSecret: new Uint8Array(32), now: SAMPLE_NOW };
    const request = readSearchParams(new URLSearchParams(query));
    return { page: await searchPlugins(context, request), scored };
  }

  test.each([
    ["rechnung xyzzyq", "xyzzyq"],
    ["rehcnung xyzzyq", "xyzzyq"],
  ])("%s: they are shown, and none of them is scored", async (q, missing) => {
    const { page, scored } = await scoredFor(`q=${q}`);
    expect(page.cards.length).toBeGreaterThan(0);
    expect(page.help?.withoutWords).toEqual([missing]);
    expect(scored.join()).not.toMatch(/rechn|invoic/);
  });

  test("nothing is scored by a filter", async () => {
    const { page, scored } = await scoredFor("q=kalender%20xyzzyq&price=free");
    expect(page.cards.length).toBeGreaterThan(0);
    expect(scored).toEqual([]);
  });
});

test("any bytes are answered, within the rows of a first page", async () => {
  const piece = fc.oneof(
    fc.constantFrom(
      '"',
      "NEAR(",
      "*",
      "^",
      "never touches",
      "ohne kunden",
      "rechnug",
      "\0",
      "_all",
      "-",
      "ß",
    ),
    fc.constantFrom(...names.map((name) => name.slice(8))),
    fc.string({ unit: "binary", maxLength: 30 }),
    fc.constantFrom("a".repeat(10_000), "rechnungs".repeat(40), "ä ".repeat(3_000)),
  );
  const text = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(" ").toWellFormed());
  const sort = fc.constantFrom("relevance", "name");
  await fc.assert(
    fc.asyncProperty(text, sort, fc.boolean(), async (q, sort, isFiltered) => {
      const { bindings, count } = counting(env);
      const query = new URLSearchParams({
        q,
        sort,
        ...(isFiltered ? { category: "finance" } : {}),
      });
      const request = readSearchParams(query);
      const context = {
        search: bindings.SEARCH,
        cursorSecret: new Uint8Array(32),
        now: SAMPLE_NOW,
      };
      await searchPlugins(context, request);
      expect(count.rowsRead).toBeLessThanOrEqual(650);
      expect((await call(`/v1/plugins?${query.toString()}`)).status).toBe(200);
    }),
    { numRuns: 40 },
  );
}, 60_000);

test("ten misspelt compounds stay within the rows of a first page", async () => {
  const words =
    "rechnugnsexport kalendrabgleich schlüsselverwaltugn zahlugnserinnerung mitarbeiterverziechnis " +
    "dokumentnearchiv vertragsverwatlung routnplaner sendungsverfoglung mitgliederverwatlung";
  const { bindings, count } = counting(env);
  const context = { search: bindings.SEARCH, cursorSecret: new Uint8Array(32), now: SAMPLE_NOW };
  await searchPlugins(context, readSearchParams(new URLSearchParams({ q: words })));
  expect(count.rowsRead).toBeLessThanOrEqual(650);
});

test("words that nothing has any more are no spelling to be suggested", async () => {
  const count = () => env.SEARCH.prepare("SELECT word FROM terms WHERE word = 'zzgone'").first();
  await env.SEARCH.prepare("INSERT INTO terms (word) VALUES ('zzgone')").run();
  const now = new Date(SAMPLE_NOW);
  await countCommonWords(env.SEARCH, { now, letters: 3 });
  expect(await count()).not.toBeNull();
  for (let round = 0; round < 12; round++)
    await countCommonWords(env.SEARCH, { now: new Date(SAMPLE_NOW + round), letters: 4 });
  expect(await count()).toBeNull();
  expect((await firstTen("wettervorhersage"))[0]).toBe("@judged/weather");
});

test("the nearest spellings are found among many that are older and less alike", async () => {
  const older = Array.from("abcefghijklmn", (letter) => `qor${letter}`);
  const insert = env.SEARCH.prepare("INSERT INTO terms (word) VALUES (?) ON CONFLICT DO NOTHING");
  await env.SEARCH.batch([...older, "quord"].map((word) => insert.bind(word)));
  expect(await listAlike(env.SEARCH, "qord", 12)).toContain("quord");
});

test.each(["abcd\u19b0efgh", "\u1cf2abcd"])(
  "a word with a letter that the index takes for none is looked for: %j",
  async (word) => {
    expect((await call(`/v1/plugins?q=${encodeURIComponent(word)}`)).status).toBe(200);
  },
);
