import { env } from "cloudflare:workers";
import { searchCheckResultSchema, searchRebuildResultSchema } from "@rising-bsm/protocol";
import type { SearchFinding } from "@rising-bsm/protocol";
import { beforeAll, describe, expect, test } from "vitest";
import { writeDatabase } from "../database.ts";
import { advance } from "../log/advance.ts";
import { pageOfListingFacts } from "../release/queries.ts";
import { failingAt } from "../testing-bindings.ts";
import {
  buildBundle,
  call,
  createAccount,
  publish,
  refusal,
  resetMarketplace,
  send,
} from "../testing.ts";
import { NOTHING_SHOWN } from "../media/details.ts";
import { dropDetails, storeDetails } from "../media/queries.ts";
import { writeSearchDoc } from "./index-plugin.ts";
import { maintainSearch } from "./maintain.ts";
import { continueRebuild, startRebuild } from "./rebuild.ts";
import { sampleListing } from "./sample-catalogue.ts";
import { syncCounts } from "./sync-counts.ts";

const NAMES = ["@acme/alpha", "@acme/beta", "@acme/gamma"];

beforeAll(async () => {
  await resetMarketplace();
  const acme = await createAccount("acme");
  for (const name of NAMES) {
    const target = { name, version: "1.0.0", categories: ["finance"] };
    expect((await publish(target, await buildBundle(acme.key, target), acme)).status).toBe(201);
  }
  const hidden = { name: "@acme/hidden", version: "1.0.0", visibility: "unlisted" };
  await publish(hidden, await buildBundle(acme.key, hidden), acme);
  await rebuild();
});

async function check(limit = 50): Promise<SearchFinding[]> {
  const findings: SearchFinding[] = [];
  for (let cursor: string | null = "plugin:"; cursor !== null;) {
    const answer: Response = await send("POST", "/v1/search/check", { body: { cursor, limit } });
    expect(answer.status).toBe(200);
    const part = searchCheckResultSchema.parse(await answer.json());
    findings.push(...part.findings);
    cursor = part.nextCursor;
  }
  return findings;
}

async function rebuild(): Promise<void> {
  for (let start = true; ; start = false) {
    const answer = await send("POST", "/v1/search/rebuild", { body: { start } });
    expect(answer.status).toBe(200);
    const { isDone } = searchRebuildResultSchema.parse(await answer.json());
    if (isDone) return maintain();
  }
}

let now = Date.now();

/** A run of the cron, late enough for the sorts to turn. */
function maintain(): Promise<void> {
  return maintainSearch(env, writeDatabase(env), new Date((now += 7_200_000)));
}

async function names(query = "sort=name"): Promise<string[]> {
  const answer = await call(`/v1/plugins?${query}`);
  const { items } = await answer.json<{ items: { name: string }[] }>();
  return items.map(({ name }) => name);
}

/** A new search database, as migrations leave it. */
function emptySearch(): Promise<unknown> {
  return env.SEARCH.batch([
    env.SEARCH.prepare("DELETE FROM docs"),
    env.SEARCH.prepare(
      "UPDATE search_state SET built = 0, generation = 0, rebuilding = NULL, index_version = 0",
    ),
  ]);
}

const sql =
  (statement: string, database = env.SEARCH) =>
  () =>
    database.prepare(statement).run();

describe("what is wrong with search is named, and made right by a rebuild:", () => {
  const damages: [string, SearchFinding["kind"], () => Promise<unknown>][] = [
    ["a plugin that is gone", "missing", sql("DELETE FROM docs WHERE name = '@acme/beta'")],
    ["older facts", "outdated", sql("UPDATE docs SET updated_at = 1 WHERE name = '@acme/beta'")],
    ["newer facts", "outdated", sql("UPDATE docs SET updated_at = updated_at + 1")],
    [
      "another card",
      "outdated",
      sql(`UPDATE docs SET card = replace(card, '"1.0.0"', '"1.0.1"') WHERE name = '@acme/beta'`),
    ],
    ["other filters", "outdated", sql("UPDATE docs SET tags = '_all'")],
    ["other words", "outdated", sql("UPDATE docs SET name_words = ''")],
    ["a mark of what is sunk", "outdated", sql("UPDATE docs SET sunk = 1 - sunk")],
    ["other numbers", "counts", sql("UPDATE docs SET downloads = 7, rating = 1.5")],
    [
      "a plugin that is not listed",
      "unwanted",
      () => writeSearchDoc(env.SEARCH, sampleListing({ name: "@acme/hidden" })),
    ],
    [
      "a plugin that nobody knows",
      "unwanted",
      () => writeSearchDoc(env.SEARCH, sampleListing({ name: "@nobody/nothing" })),
    ],
    ["a place that is gone", "place", sql("DELETE FROM places WHERE sort = 'rating'")],
    ["a place that is another", "place", sql("UPDATE places SET key = key + 1 WHERE sort = 'new'")],
    [
      "a place too many",
      "place",
      sql(
        "INSERT INTO places (id, sort, slot, key) SELECT id, sort, 3, 5 FROM places WHERE slot = 0",
      ),
    ],
    [
      "a row of an index that is gone",
      "index",
      sql(`DELETE FROM by_name WHERE rowid IN (SELECT position FROM places WHERE sort = 'name')`),
    ],
    ["a row of words that is gone", "index", sql("DELETE FROM words WHERE rowid > 0")],
    [
      "a row of an index with other words",
      "index",
      sql(`INSERT OR REPLACE INTO by_updated (rowid, words)
        SELECT position, '_all' FROM places WHERE sort = 'updated'`),
    ],
    [
      "a row of an index with the filters and no words",
      "index",
      sql(`INSERT OR REPLACE INTO by_updated (rowid, words)
        SELECT position, tags FROM places JOIN docs USING (id) WHERE sort = 'updated'`),
    ],
    [
      "a row of an index that says it is not of this epoch",
      "index",
      sql(`INSERT OR REPLACE INTO by_updated (rowid, words)
        SELECT position, all_words || ' _out_' || epoch
        FROM places JOIN docs USING (id), search_state WHERE sort = 'updated'`),
    ],
    ["a name that is gone", "index", sql("DELETE FROM labels WHERE label = 'beta'")],
    ["a word that is gone", "index", sql("DELETE FROM terms WHERE word = 'beta'")],
    [
      "a row of an index that belongs to nothing",
      "orphan",
      sql("INSERT INTO by_rating (rowid, words) VALUES (77, '_all _cat_finance')"),
    ],
    [
      "a row of words that belongs to nothing",
      "orphan",
      sql("INSERT INTO words (rowid, name, tags) VALUES (77, 'alpha', '_all')"),
    ],
    ["other totals", "facets", sql(`UPDATE catalogue SET facets = '{"category:team":3}'`)],
  ];

  test.each(damages)("%s", async (_, kind, damage) => {
    await damage();
    expect(await check()).toContainEqual(expect.objectContaining({ kind }));
    await rebuild();
    expect(await check()).toEqual([]);
    expect(await names()).toEqual(NAMES);
  });
});

test("a new search database answers 503 until the cron has rebuilt it, and is then as before", async () => {
  await emptySearch();
  // Not asked before: of other pages a copy would be answered.
  for (const path of ["/v1/plugins?limit=7", "/v1/plugins?q=alpha"]) {
    expect(await refusal(await call(path))).toEqual([503, "unavailable"]);
  }
  await continueRebuild(env, writeDatabase(env), 2);
  expect((await call("/v1/plugins?limit=8")).status).toBe(503);
  // What is left to do then concerns rows that nobody finds.
  expect(await continueRebuild(env, writeDatabase(env), 1)).toMatchObject({ isDone: false });
  expect(await names("limit=6")).toHaveLength(3);
  await maintain();
  expect(await names()).toEqual(NAMES);
  expect(await check(1)).toEqual([]);
});

test("plugins with large manifests are written in several steps, each once", async () => {
  await env.DB.exec(
    "UPDATE versions SET manifest = json_insert(manifest, '$.notes', hex(zeroblob(600000)))",
  );
  await emptySearch();
  await startRebuild(env.SEARCH);
  const read = async () =>
    (await pageOfListingFacts(writeDatabase(env), { after: "", limit: 9 })).map(({ name }) => name);
  expect(await read()).toEqual(NAMES.slice(0, 2));
  await rebuild();
  expect(await names()).toEqual(NAMES);
  await env.DB.exec("UPDATE versions SET manifest = json_remove(manifest, '$.notes')");
  expect(await check()).toEqual([]);
});

test("a search database that an older Worker filled is rebuilt while it answers", async () => {
  await env.SEARCH.exec("UPDATE search_state SET index_version = 0");
  await env.SEARCH.exec("UPDATE docs SET tags = '_all'");
  for (let steps = 0; steps < 5; steps++) {
    await continueRebuild(env, writeDatabase(env), 1);
    expect(await names()).toEqual(NAMES);
  }
  await maintain();
  expect(await names("sort=name&category=finance")).toEqual(NAMES);
  expect(await check()).toEqual([]);
});

/** The search database, before whose batches something happens. */
function searchWith(event: (statements: number) => Promise<unknown>): D1Database {
  const batch = async (statements: D1PreparedStatement[]) => {
    await event(statements.length);
    return env.SEARCH.batch(statements);
  };
  return new Proxy(env.SEARCH, {
    get: (target, property) =>
      property === "batch" ? batch : (query: string) => target.prepare(query),
  });
}

/** Statements of the batch that writes plugins: those listed, unlisted and unreadable, and counts. */
const PAGE = 4;

function setRemoved(removedAt: number | null): Promise<unknown> {
  return env.DB.batch([
    env.DB.prepare("UPDATE plugins SET removed_at = ? WHERE name = '@acme/beta'").bind(removedAt),
    env.DB.prepare("UPDATE plugins SET revision = revision + 1, search_revision = revision + 1"),
  ]);
}

const isBehind = sql("SELECT name FROM plugins WHERE search_revision < revision", env.DB);

describe("while a rebuild writes a plugin, and another run of it has gone on,", () => {
  const goOn = sql("UPDATE search_state SET rebuilt_to = 'unwanted:'");
  const remove = sql("DELETE FROM docs WHERE name = '@acme/beta'");

  async function rebuildWhile(event: () => Promise<unknown>, most: number) {
    await startRebuild(env.SEARCH);
    let times = 0;
    const search = searchWith(async (statements) => {
      if (statements === PAGE && times < most) await event();
      if (statements === PAGE) times += 1;
    });
    const bindings = { SEARCH: search };
    expect(await continueRebuild(bindings, writeDatabase(env), 50)).toMatchObject({ isDone: true });
  }

  test("it is removed and stays removed, listed again and stays listed", async () => {
    await rebuildWhile(() => Promise.all([setRemoved(1), remove(), goOn()]), 1);
    expect(await names("sort=name&limit=9")).toEqual(["@acme/alpha", "@acme/gamma"]);
    await rebuildWhile(() => Promise.all([setRemoved(null), goOn()]), 1);
    expect(await names("sort=name&limit=8")).toEqual(NAMES);
    // Had the run ended before it corrected itself, the next pass would have.
    await expectPass();
  });

  test("it changes all the time: the rebuild goes on, and the next pass writes it", async () => {
    await rebuildWhile(() => setRemoved(null), Infinity);
    await expectPass();
  });

  test("its icon is made: it is written with it", async () => {
    const target = { plugin: "@acme/beta", version: "1.0.0" };
    const icon = { sha256: "0".repeat(64), type: "png", width: 64, height: 64 } as const;
    await dropDetails(writeDatabase(env), target);
    await rebuildWhile(async () => {
      const details = { ...NOTHING_SHOWN, icon };
      await storeDetails(writeDatabase(env), [{ ...target, details }]);
      // As the pass that made it, with its row, before the rebuild writes what it has read.
      await env.DB.exec("UPDATE plugins SET search_revision = revision");
    }, 1);
    expect((await isBehind()).results).toEqual([{ name: "@acme/beta" }]);
    await advance(env);
    expect(await check()).toEqual([]);
    const { items } = await (await call("/v1/plugins?q=beta")).json<{ items: unknown[] }>();
    expect(items).toMatchObject([
      { name: "@acme/beta", icon: expect.stringContaining(icon.sha256) },
    ]);
  });

  async function expectPass() {
    expect((await isBehind()).results).toHaveLength(4);
    await advance(env);
    expect((await isBehind()).results).toEqual([]);
    expect(await check()).toEqual([]);
  }
});

test("counts are copied, and what is counted meanwhile is copied next", async () => {
  const stale = () =>
    env.DB.prepare("SELECT sum(stale) AS n FROM plugin_counts").first<number>("n");
  await env.DB.prepare(
    `INSERT INTO plugin_counts (plugin, installs, downloads, trending, ratings, stars, stale)
     VALUES ('@acme/beta', 3, 4, 0.1, 2, 9, 1)`,
  ).run();
  expect(await syncCounts(env)).toBe(true);
  expect(await stale()).toBe(0);
  expect(await check()).toEqual([]);
  const answer = await call("/v1/plugins?sort=popular");
  const { items } = await answer.json<{ items: unknown[] }>();
  expect(items).toContainEqual(
    expect.objectContaining({ name: "@acme/beta", downloads: 4, rating: 4.5 }),
  );
  // Counted between the copy and the end of the mark.
  const search = new Proxy(env.SEARCH, {
    get: (target, property) => (query: string) => {
      if (property !== "prepare") throw new Error("Only prepare() is expected");
      const bound = (value: string) => ({
        run: async () => {
          const result = await target.prepare(query).bind(value).run();
          await env.DB.exec("UPDATE plugin_counts SET downloads = 6, stale = 1");
          return result;
        },
      });
      return { bind: bound };
    },
  });
  await env.DB.exec("UPDATE plugin_counts SET downloads = 5, stale = 1");
  await syncCounts({ DB: env.DB, SEARCH: search });
  expect(await stale()).toBe(1);
  await syncCounts(env);
  expect(await stale()).toBe(0);
  expect(await check()).toEqual([]);
  await maintain();
  expect((await names("sort=popular"))[0]).toBe("@acme/beta");
  expect((await names("sort=rating"))[0]).toBe("@acme/beta");
});

test("of two runs that copy counts, the one with older numbers does not have the last word", async () => {
  const count = (downloads: number) =>
    env.DB.prepare(
      "INSERT OR REPLACE INTO plugin_counts (plugin, downloads, stale) VALUES ('@acme/beta', ?, 1)",
    )
      .bind(downloads)
      .run();
  const slow = new Proxy(env.SEARCH, {
    get: (target) => (query: string) => ({
      bind: (value: string) => ({
        run: async () => {
          await count(12);
          await syncCounts(env);
          return target.prepare(query).bind(value).run();
        },
      }),
    }),
  });
  await count(11);
  await syncCounts({ DB: env.DB, SEARCH: slow });
  await syncCounts(env);
  expect(await check()).toEqual([]);
});

test("what cannot be read, or goes wrong, keeps nothing else of search from being done", async () => {
  const read = sql("SELECT manifest FROM versions WHERE plugin = '@acme/beta'", env.DB);
  const [stored] = (await read()).results;
  await env.DB.exec("UPDATE versions SET manifest = '{}' WHERE plugin = '@acme/beta'");
  await env.SEARCH.exec("UPDATE search_state SET index_version = 0");
  await maintain();
  expect(await names()).toEqual(NAMES);
  expect(await check()).toEqual([
    expect.objectContaining({ kind: "outdated", subject: "@acme/beta" }),
  ]);
  await env.DB.prepare("UPDATE versions SET manifest = ? WHERE plugin = '@acme/beta'")
    .bind(stored?.["manifest"])
    .run();
  expect(await check()).toEqual([]);
  await env.SEARCH.exec("UPDATE search_state SET rebuilding = 99, rebuilt_to = 'nothing:'");
  await env.DB.prepare(
    "INSERT OR REPLACE INTO plugin_counts (plugin, downloads, stale) VALUES ('@acme/beta', 9, 1)",
  ).run();
  await env.SEARCH.exec("UPDATE docs SET waits = 1");
  await expect(maintain()).rejects.toMatchObject({ code: "internal" });
  const { results } = await sql("SELECT name FROM docs WHERE waits = 1 OR downloads = 9")();
  expect(results).toEqual([{ name: "@acme/beta" }]);
});

test.each(["failed", "failed but stored"] as const)(
  "a rebuild of which any write has %s is finished by the next one",
  async (fault) => {
    for (let nth = 1; ; nth++) {
      await emptySearch();
      const { bindings, hit } = failingAt(env, nth, fault);
      await continueRebuild(bindings, writeDatabase(bindings), 20).catch(() => {});
      expect(await continueRebuild(env, writeDatabase(env), 20)).toMatchObject({ isDone: true });
      expect([nth, await names()]).toEqual([nth, NAMES]);
      if (!hit()) break;
    }
    expect(await check()).toEqual([]);
  },
);

test("a rebuild is for the administrator, and recorded", async () => {
  const recorded = () =>
    env.DB.prepare("SELECT count(*) AS n FROM audit WHERE action = 'search.rebuild'").first("n");
  const before = Number(await recorded());
  expect((await send("POST", "/v1/search/rebuild", { body: {}, token: "x" })).status).toBe(401);
  await send("POST", "/v1/search/rebuild", { body: { start: false } });
  expect(await recorded()).toBe(before);
  await send("POST", "/v1/search/rebuild", { body: {} });
  expect(await recorded()).toBe(before + 1);
});

test("a cursor of another route is refused", async () => {
  for (const cursor of ["@acme/alpha", "target:x", "sqlite_master:", ""]) {
    const answer = await send("POST", "/v1/search/check", { body: { cursor } });
    expect(await refusal(answer)).toEqual([400, "request_invalid"]);
  }
});
