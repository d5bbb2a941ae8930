import { env } from "cloudflare:workers";
import { REVIEW_SORTS, reviewPageSchema } from "@rising-bsm/protocol";
import type { Review } from "@rising-bsm/protocol";
import { assert, asyncProperty, constantFrom, integer, option } from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import type { Bindings } from "../env.ts";
import { registerInstance } from "../licenses/sample-instance.ts";
import { counting } from "../testing-bindings.ts";
import {
  buildBundle,
  call,
  createAccount,
  publish,
  refusal,
  resetMarketplace,
} from "../testing.ts";

const PLUGIN = "@acme/hello";
const REVIEWS = `/v1/plugins/${PLUGIN}/reviews`;
const MANY = 800;

beforeAll(async () => {
  await resetMarketplace();
  const acme = await createAccount("acme");
  for (const name of [PLUGIN, "@acme/other"]) {
    const target = { name, version: "1.0.0" };
    await publish(target, await buildBundle(acme.key, target), acme);
    const { id } = await registerInstance();
    // Several at each time, and every seventh is not shown.
    await env.DB.prepare(
      `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?1)
       INSERT INTO reviews (id, plugin, instance_id, major, version, rating, title, text, language,
         created_at, updated_at, proved_at, rid, deleted_at, hidden_reason)
       SELECT lower(printf('%08x-0000-4000-8000-%012x', (n * 7919) % 65536, n + iif(?2 = '@acme/hello', 0, 100000))), ?2, ?3, n,
         '1.0.0', 1 + (n * 3 + n / 7) % 5, '', '', 'und', 1700000000000 + n / 4, 0, 0, 'r',
         iif(n % 14 = 0, 1, NULL), iif(n % 14 = 7, 'spam', NULL)
       FROM numbers`,
    )
      .bind(MANY, name, id)
      .run();
  }
});

async function page(query: string, bindings: Bindings = env) {
  return reviewPageSchema.parse(await (await call(`${REVIEWS}?${query}`, {}, bindings)).json());
}

async function walk(query: string): Promise<Review[]> {
  const found: Review[] = [];
  for (let cursor: string | null = ""; cursor !== null;) {
    const next = await page(cursor === "" ? query : `${query}&cursor=${cursor}`);
    found.push(...next.items);
    cursor = next.nextCursor;
  }
  return found;
}

const sorted = {
  new: () => 0,
  highest: (a: Review, b: Review) => b.rating - a.rating,
  lowest: (a: Review, b: Review) => a.rating - b.rating,
} satisfies Record<(typeof REVIEW_SORTS)[number], (a: Review, b: Review) => number>;

const newest = (a: Review, b: Review) =>
  b.createdAt.localeCompare(a.createdAt) || b.id.localeCompare(a.id);

test("paging in any order shows every review that counts exactly once, in that order", async () => {
  const all = await walk("sort=new");
  const { summary } = await page("");
  expect([all.length, summary.ratings]).toEqual([MANY - Math.floor(MANY / 7), all.length]);
  await assert(
    asyncProperty(
      constantFrom(...REVIEW_SORTS),
      option(integer({ min: 1, max: 5 }), { nil: undefined }),
      integer({ min: 7, max: 20 }),
      async (sort, rating, limit) => {
        const wanted = all.filter((review) => rating === undefined || review.rating === rating);
        const order = wanted.toSorted((a, b) => sorted[sort](a, b) || newest(a, b));
        const filter = rating === undefined ? "" : `&rating=${rating}`;
        const found = await walk(`sort=${sort}&limit=${limit}${filter}`);
        expect(found.map(({ id }) => id)).toEqual(order.map(({ id }) => id));
      },
    ),
    { numRuns: 6 },
  );
}, 30_000);

describe.each(REVIEW_SORTS)("the order %s", (sort) => {
  test.each([
    ["", 20, 60],
    ["&rating=3", 20, 60],
    ["&limit=100", 100, 220],
  ])("reads a limited number of rows a page%s", async (filter, most, rows) => {
    const { bindings, count } = counting(env);
    // The schema is looked at once an isolate, not once a request.
    await page("", bindings);
    let cursor = "";
    for (let pages = 0; pages < 3; pages++) {
      Object.assign(count, { rowsRead: 0, rowsWritten: 0 });
      const { items, nextCursor } = await page(`sort=${sort}${filter}${cursor}`, bindings);
      expect(items).toHaveLength(most);
      expect(count.rowsRead).toBeLessThanOrEqual(rows);
      expect(count.rowsWritten).toBe(0);
      cursor = `&cursor=${nextCursor ?? ""}`;
    }
  });
});

test("a page has no more than a hundred", async () => {
  for (const limit of [0, 101]) {
    expect((await call(`${REVIEWS}?limit=${limit}`)).status).toBe(400);
  }
});

test("a cursor is good for the list that it came from alone", async () => {
  const { nextCursor } = await page("sort=new");
  const cursor = nextCursor ?? "";
  const altered = `${cursor.startsWith("A") ? "B" : "A"}${cursor.slice(1)}`;
  for (const query of [`sort=lowest&cursor=${cursor}`, `cursor=${altered}`, "cursor=x"]) {
    expect(await refusal(await call(`${REVIEWS}?${query}`))).toEqual([400, "cursor_invalid"]);
  }
  const other = await call(`/v1/plugins/@acme/other/reviews?cursor=${cursor}`);
  expect(await refusal(other)).toEqual([400, "cursor_invalid"]);
});
