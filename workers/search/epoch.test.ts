import { env } from "cloudflare:workers";
import * as fc from "fast-check";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Listing } from "../listing.ts";
import { failingAt } from "../testing-bindings.ts";
import { resetMarketplace } from "../testing.ts";
import { cardOf } from "./card.ts";
import { turnEpoch } from "./epoch.ts";
import { removeSearchDoc, writeSearchDoc } from "./index-plugin.ts";
import { nameKey } from "./name-key.ts";
import { readSearchParams } from "./read-request.ts";
import { SAMPLE_NOW, sampleListing } from "./sample-catalogue.ts";
import { searchPlugins } from "./search-plugins.ts";
import { SORT_NAMES } from "./sorts.ts";
import type { Sort } from "./sorts.ts";

beforeAll(resetMarketplace);

beforeEach(async () => {
  await env.SEARCH.batch([
    env.SEARCH.prepare("DELETE FROM docs"),
    env.SEARCH.prepare("UPDATE search_state SET turned_at = 0, pending = 0"),
  ]);
});

function fetchPage(query: string) {
  const context = { search: env.SEARCH, cursorSecret: new Uint8Array(32), now: SAMPLE_NOW };
  return searchPlugins(context, readSearchParams(new URLSearchParams(query)));
}

async function names(query: string): Promise<string[]> {
  return (await fetchPage(query)).cards.map(({ name }) => name);
}

function epoch(): Promise<number | null> {
  return env.SEARCH.prepare("SELECT epoch FROM search_state").first<number>("epoch");
}

/** One row a plugin and sort in every index, and none besides. */
async function expectSound(): Promise<void> {
  const docs = await env.SEARCH.prepare("SELECT count(*) AS n FROM docs").first<number>("n");
  for (const index of ["by_downloads", "by_trending", "by_created", "by_updated", "by_rating"]) {
    const rows = await env.SEARCH.prepare(
      `SELECT count(*) AS n FROM ${index} WHERE ${index} MATCH
       (SELECT '_all NOT _out_' || epoch FROM search_state)`,
    ).first<number>("n");
    expect([index, rows]).toEqual([index, docs]);
  }
  const loose = `SELECT count(*) AS n FROM by_name_docsize i WHERE NOT EXISTS
    (SELECT 1 FROM places WHERE id = i.id & 1048575 AND sort = 'name' AND position = i.id)`;
  expect(await env.SEARCH.prepare(loose).first<number>("n")).toBe(0);
}

/** What has a place in a sort in the current epoch. A new plugin may wait for one in `name`. */
async function standing(sort: Sort): Promise<Set<string>> {
  const { results } = await env.SEARCH.prepare(
    `SELECT name FROM docs JOIN places USING (id), search_state s WHERE sort = ?
     AND born <= epoch AND (dies IS NULL OR dies > epoch)`,
  )
    .bind(sort)
    .all<{ name: string }>();
  const found = new Set(results.map(({ name }) => name));
  const all = await env.SEARCH.prepare("SELECT count(*) AS n FROM docs").first<number>("n");
  if (sort !== "name") expect(found.size).toBe(all);
  return found;
}

type Category = "finance" | "team";

/** A catalogue as the sorts show it: what waits for the next epoch is beside what is shown. */
class Model {
  readonly plugins = new Map<string, { listing: Listing; downloads: number }>();
  shown = new Map<string, Record<Sort, number | string>>();
  private clock = SAMPLE_NOW;
  private published = 0;

  async publish(title: string, category: Category): Promise<void> {
    this.published += 1;
    const name = `@p/n${this.published}`;
    await this.write(name, { title, category, createdAt: (this.clock += 1_000) });
  }

  async update(name: string, title: string, category: Category): Promise<void> {
    const createdAt = this.plugins.get(name)?.listing.createdAt ?? 0;
    await this.write(name, { title, category, createdAt });
  }

  private async write(
    name: string,
    { title, category, createdAt }: { title: string; category: Category; createdAt: number },
  ): Promise<void> {
    const known = this.plugins.get(name);
    const listing = sampleListing(
      { name, displayName: title, categories: [category] },
      { createdAt, updatedAt: (this.clock += 1_000) },
    );
    await writeSearchDoc(env.SEARCH, listing);
    this.plugins.set(name, { listing, downloads: known?.downloads ?? 0 });
    if (known === undefined) this.shown.set(name, this.keys(name));
  }

  async count(name: string, downloads: number): Promise<void> {
    const plugin = this.plugins.get(name);
    if (plugin === undefined) return;
    plugin.downloads = downloads;
    await env.SEARCH.prepare(
      "UPDATE docs SET downloads = ?1, trending = ?1, score = 3500000 + ?1 WHERE name = ?2",
    )
      .bind(downloads, name)
      .run();
  }

  async remove(name: string): Promise<void> {
    this.plugins.delete(name);
    await removeSearchDoc(env.SEARCH, name);
  }

  async turn(): Promise<void> {
    await turnEpoch(env.SEARCH, SAMPLE_NOW, 0);
    this.shown = new Map([...this.plugins.keys()].map((name) => [name, this.keys(name)]));
  }

  /** Those whose place may be right for the old name, the new one, or both. */
  renamed(): Set<string> {
    const names = [...this.plugins.keys()];
    return new Set(names.filter((name) => this.keys(name).name !== this.shown.get(name)?.name));
  }

  private keys(name: string): Record<Sort, number | string> {
    const plugin = this.plugins.get(name);
    if (plugin === undefined) throw new Error("No such plugin");
    const { listing, downloads } = plugin;
    return {
      popular: -downloads,
      trending: -downloads,
      rating: -downloads,
      new: -listing.createdAt,
      updated: -listing.updatedAt,
      name: nameKey(cardOf(listing)),
    };
  }

  /** Names of a category, null is any. */
  matching(category: Category | null): Set<string> {
    const all = [...this.plugins].filter(
      ([, { listing }]) => category === null || listing.manifest.categories[0] === category,
    );
    return new Set(all.map(([name]) => name));
  }
}

type Change =
  | { readonly kind: "publish"; readonly title: string; readonly category: Category }
  | {
      readonly kind: "update";
      readonly at: number;
      readonly title: string;
      readonly category: Category;
    }
  | { readonly kind: "count"; readonly at: number; readonly downloads: number }
  | { readonly kind: "remove"; readonly at: number }
  | { readonly kind: "turn" };

async function apply(model: Model, change: Change): Promise<void> {
  const known = [...model.plugins.keys()];
  const name = "at" in change ? known[change.at % known.length] : undefined;
  if (change.kind === "turn") return model.turn();
  if (change.kind === "publish") return model.publish(change.title, change.category);
  if (name === undefined) return;
  if (change.kind === "update") return model.update(name, change.title, change.category);
  if (change.kind === "count") return model.count(name, change.downloads);
  return model.remove(name);
}

const title = fc.constantFrom("Alpha", "alpha 2", "Ärger", "Beta", "Zeta", "Öl", "m", "Mitte");
const category = fc.constantFrom<Category[]>("finance", "team");
const at = fc.nat(50);
const change: fc.Arbitrary<Change> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("publish" as const), title, category }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("update" as const), at, title, category }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("count" as const), at, downloads: fc.nat(3) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("remove" as const), at }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("turn" as const) }) },
);

interface Walk {
  readonly model: Model;
  readonly changes: Change[];
  readonly query: string;
  readonly category: Category | null;
  /** What matched through the whole walk. */
  stable: Set<string>;
  /** The epoch turned so often since the first page. */
  turns: number;
}

/** Pages in one direction; a change of the catalogue lies between every two. */
async function follow(walk: Walk, cursor: string | null, direction: "nextCursor" | "prevCursor") {
  const seen: string[] = [];
  let last: string | null = null;
  let lastShown: string[] = [];
  for (let next = cursor; next !== null;) {
    const page = await fetchPage(`${walk.query}&cursor=${next}`);
    const found = page.cards.map(({ name }) => name);
    if (direction === "nextCursor") seen.push(...found);
    else seen.unshift(...found);
    lastShown = found;
    last = direction === "nextCursor" ? page.prevCursor : page.nextCursor;
    next = page[direction];
    await disturb(walk);
  }
  return { seen, last, lastShown };
}

async function disturb(walk: Walk): Promise<void> {
  const change = walk.changes.shift();
  if (change === undefined || (change.kind === "turn" && walk.turns === 1)) return;
  const before = await epoch();
  await apply(walk.model, change);
  if ((await epoch()) !== before) walk.turns += 1;
  walk.stable = walk.stable.intersection(walk.model.matching(walk.category));
}

test("a walk shows every plugin of its epoch once and in order, forwards and back, whatever changes", async () => {
  const runs = fc.record({
    start: fc.array(change, { minLength: 8, maxLength: 15 }),
    changes: fc.array(change, { minLength: 8, maxLength: 16 }),
    sort: fc.constantFrom(...SORT_NAMES),
    category: fc.constantFrom<(Category | null)[]>(null, "finance"),
    limit: fc.integer({ min: 1, max: 4 }),
  });
  await fc.assert(
    fc.asyncProperty(runs, async ({ start, changes, sort, category, limit }) => {
      await env.SEARCH.prepare("DELETE FROM docs").run();
      const model = new Model();
      for (const title of ["Gamma", "Delta", "Omega", "gamma"]) {
        await model.publish(title, "finance");
      }
      for (const one of start) await apply(model, one);
      await expectSound();

      const filter = category === null ? "" : `&category=${category}`;
      const query = `sort=${sort}&limit=${limit}${filter}`;
      const keys = new Map(model.shown);
      const renamed = sort === "name" ? model.renamed() : new Set();
      const stable = model.matching(category).intersection(await standing(sort));
      const walk: Walk = { model, changes: [...changes], query, category, stable, turns: 0 };
      const first = await fetchPage(query);
      expect(first.prevCursor).toBeNull();
      await disturb(walk);
      const forwards = await follow(walk, first.nextCursor, "nextCursor");
      const seen = [...first.cards.map(({ name }) => name), ...forwards.seen];
      expect(new Set(seen).size).toBe(seen.length);
      expect(walk.stable.difference(new Set(seen))).toEqual(new Set());
      const inOrder = seen.filter((name) => keys.has(name) && walk.stable.has(name));
      const ordered = inOrder.filter((name) => !renamed.has(name));
      const values = ordered.map((name) => keys.get(name)?.[sort] ?? "");
      expect(values).toEqual(values.toSorted((a, b) => (a < b ? -1 : Number(a > b))));

      if (forwards.last === null) return;
      const { seen: back } = await follow(walk, forwards.last, "prevCursor");
      expect(new Set(back).size).toBe(back.length);
      const onLastPage = new Set(forwards.lastShown);
      const expected = inOrder.filter((name) => walk.stable.has(name) && !onLastPage.has(name));
      expect(back.filter((name) => walk.stable.has(name))).toEqual(expected);
      if (sort === "new") expect(back.filter((name) => !keys.has(name))).toEqual([]);
    }),
    { numRuns: 10 },
  );
}, 60_000);

describe("an epoch", () => {
  const publish = (name: string, at: number) =>
    writeSearchDoc(
      env.SEARCH,
      sampleListing({ name, displayName: name.slice(3) }, { createdAt: at, updatedAt: at }),
    );
  const count = (name: string, downloads: number) =>
    env.SEARCH.prepare("UPDATE docs SET downloads = ? WHERE name = ?").bind(downloads, name).run();

  beforeEach(async () => {
    for (const [at, name] of ["@p/a", "@p/b", "@p/c"].entries()) {
      await publish(name, SAMPLE_NOW + at * 1_000);
    }
  });

  test("keeps the order until it turns, and a cursor for one turn more", async () => {
    await count("@p/a", 5);
    expect(await names("sort=popular")).toEqual(["@p/c", "@p/b", "@p/a"]);
    const { nextCursor } = await fetchPage("sort=popular&limit=1");
    await turnEpoch(env.SEARCH, SAMPLE_NOW, 0);
    expect(await names("sort=popular")).toEqual(["@p/a", "@p/c", "@p/b"]);
    expect(await names(`sort=popular&cursor=${nextCursor}`)).toEqual(["@p/b", "@p/a"]);
    await count("@p/b", 9);
    await turnEpoch(env.SEARCH, SAMPLE_NOW, 0);
    await expect(fetchPage(`sort=popular&cursor=${nextCursor}`)).rejects.toMatchObject({
      code: "cursor_expired",
    });
  });

  test("lasts at least an hour, and as long as nothing moves", async () => {
    const begun = await epoch();
    await turnEpoch(env.SEARCH, SAMPLE_NOW);
    expect(await epoch()).toBe(begun);
    await count("@p/a", 5);
    await turnEpoch(env.SEARCH, SAMPLE_NOW);
    expect(await epoch()).toBe((begun ?? 0) + 1);
    await count("@p/a", 0);
    await turnEpoch(env.SEARCH, SAMPLE_NOW + 3_599_999);
    expect(await epoch()).toBe((begun ?? 0) + 1);
    await turnEpoch(env.SEARCH, SAMPLE_NOW + 3_600_000);
    expect(await epoch()).toBe((begun ?? 0) + 2);
  });

  test("has a new name wait where one that is renamed still stands", async () => {
    const rename = (name: string, displayName: string) =>
      writeSearchDoc(
        env.SEARCH,
        sampleListing({ name, displayName }, { updatedAt: SAMPLE_NOW + 9_000 }),
      );
    await removeSearchDoc(env.SEARCH, "@p/a");
    await publish("@p/a", SAMPLE_NOW);
    await rename("@p/a", "x");
    await publish("@p/aa", SAMPLE_NOW);
    expect(await names("sort=name")).toEqual(["@p/a", "@p/b", "@p/c"]);
    await turnEpoch(env.SEARCH, SAMPLE_NOW, 0);
    expect(await names("sort=name")).toEqual(["@p/aa", "@p/b", "@p/c", "@p/a"]);
  });

  test("shows new plugins at once, drops removed ones, and filters by what is true now", async () => {
    const { nextCursor } = await fetchPage("sort=popular&limit=1");
    await publish("@p/d", SAMPLE_NOW + 9_000);
    await removeSearchDoc(env.SEARCH, "@p/b");
    expect(await names("sort=name")).toEqual(["@p/a", "@p/c", "@p/d"]);
    expect(await names(`sort=popular&cursor=${nextCursor}`)).toEqual(["@p/a"]);
    await writeSearchDoc(
      env.SEARCH,
      sampleListing(
        { name: "@p/a", displayName: "a", categories: ["finance"] },
        { createdAt: SAMPLE_NOW, updatedAt: SAMPLE_NOW + 20_000 },
      ),
    );
    expect(await names("sort=updated&category=finance")).toEqual(["@p/a"]);
    expect((await names("sort=updated")).at(-1)).toBe("@p/a");
    await turnEpoch(env.SEARCH, SAMPLE_NOW, 0);
    expect((await names("sort=updated"))[0]).toBe("@p/a");
  });

  test("a back page that was emptied leads on to what is there", async () => {
    const first = await fetchPage("sort=popular&limit=1");
    const second = await fetchPage(`sort=popular&limit=1&cursor=${first.nextCursor}`);
    await removeSearchDoc(env.SEARCH, "@p/c");
    const back = await fetchPage(`sort=popular&cursor=${second.prevCursor}`);
    expect(back).toMatchObject({ cards: [], prevCursor: null });
    expect(await names(`sort=popular&cursor=${back.nextCursor}`)).toEqual(["@p/b", "@p/a"]);
  });

  test.each(["failed", "failed but stored"] as const)(
    "is sound when any write of its turn has %s",
    async (fault) => {
      for (let nth = 1; ; nth++) {
        await count("@p/a", nth % 3);
        await count("@p/b", (nth + 1) % 3);
        await count("@p/c", (nth + 2) % 3);
        const { bindings, hit } = failingAt(env, nth, fault);
        await turnEpoch(bindings.SEARCH, SAMPLE_NOW, 0).catch(() => {});
        const shown = await names("sort=popular");
        expect(shown.toSorted()).toEqual(["@p/a", "@p/b", "@p/c"]);
        await turnEpoch(env.SEARCH, SAMPLE_NOW, 0);
        const { results } = await env.SEARCH.prepare(
          "SELECT name FROM docs ORDER BY downloads DESC",
        ).all<{ name: string }>();
        expect(await names("sort=popular")).toEqual(results.map(({ name }) => name));
        await expectSound();
        if (!hit()) return expect(nth).toBeGreaterThan(3);
      }
    },
  );
});

test("names stay in exact order however many are put between two", async () => {
  const model = new Model();
  await model.publish("a", "team");
  await model.publish("z", "team");
  // Each comes right after the one before: the gap is halved until it is full.
  for (let length = 1; length <= 60; length++)
    await model.publish(`a${"a".repeat(length)}`, "team");
  const waiting = "SELECT count(*) AS n FROM docs WHERE label IS NULL";
  expect(await env.SEARCH.prepare(waiting).first<number>("n")).toBeGreaterThan(10);
  await model.turn();
  expect(await env.SEARCH.prepare(waiting).first<number>("n")).toBe(0);
  const sorted = [...model.plugins.values()]
    .map(({ listing }) => nameKey(cardOf(listing)))
    .toSorted();
  const shown = (await fetchPage("sort=name&limit=100")).cards.map((card) => nameKey(card));
  expect(shown).toEqual(sorted);
  await expectSound();
});
