import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { app } from "./app.ts";
import { CACHE } from "./http.ts";
import { issue, publishPaidPlugin } from "./licenses/sample-plugin.ts";
import { seedCatalogue } from "./search/sample-catalogue.ts";
import { counting } from "./testing-bindings.ts";
import { buildBundle, call, createAccount, publish, resetMarketplace, send } from "./testing.ts";

/** A request to a route, and the most rows that it may read at any size of the marketplace. */
interface Budget {
  readonly path: string;
  readonly rows: number;
  /** Of the answer; 200 when not said. */
  readonly status?: number;
  /** Sent with the administrator's token. */
  readonly asAdmin?: boolean;
}

/** Copies of a row in each larger table. */
const MANY = 2_000;
const NO_ORDER = "00000000-0000-4000-8000-000000000000";
const PLUGIN = "/v1/plugins/@acme/hello";

/**
 * Every GET route. 0 rows is no query at all: such a route works while the databases are away.
 * A name between braces in a path stands for what the tests have stored.
 */
const BUDGETS: Record<string, Budget | readonly Budget[]> = {
  "/health": { path: "/health", rows: 0 },
  "/openapi.json": { path: "/openapi.json", rows: 0 },
  "/v1/plugins": [
    { path: "/v1/plugins", rows: 60 },
    { path: "/v1/plugins?sort=new&category=finance&permission=!storage", rows: 60 },
    { path: "/v1/plugins?limit=100", rows: 210 },
    { path: "/v1/plugins?q=invoice", rows: 650 },
    { path: "/v1/plugins?q=invocie", rows: 650 },
  ],
  "/v1/plugins/:scope/:name": [
    { path: PLUGIN, rows: 10 },
    { path: "/v1/plugins/@acme/none", rows: 10, status: 404 },
  ],
  "/v1/plugins/:scope/:name/versions": [
    { path: `${PLUGIN}/versions`, rows: 110 },
    { path: `${PLUGIN}/versions?limit=20`, rows: 30 },
  ],
  "/v1/plugins/:scope/:name/compare": { path: `${PLUGIN}/compare?from=1.0.0&to=2.0.0`, rows: 10 },
  "/v1/plugins/:scope/:name/dependents": { path: `${PLUGIN}/dependents`, rows: 210 },
  "/v1/plugins/:scope/:name/versions/:version": [
    { path: `${PLUGIN}/versions/1.0.0`, rows: 10 },
    { path: `${PLUGIN}/versions/9.9.9`, rows: 10, status: 404 },
  ],
  "/v1/plugins/:scope/:name/reviews": [
    { path: `${PLUGIN}/reviews`, rows: 60 },
    { path: "/v1/plugins/@acme/none/reviews", rows: 10, status: 404 },
  ],
  "/v1/plugins/:scope/:name/reviews/own": { path: `${PLUGIN}/reviews/own`, rows: 0, status: 401 },
  "/v1/plugins/:scope/:name/reviews/:id": {
    path: `${PLUGIN}/reviews/${NO_ORDER}`,
    rows: 10,
    status: 404,
  },
  "/v1/plugins/:scope/:name/reports": { path: `${PLUGIN}/reports`, rows: 60, asAdmin: true },
  "/v1/reports": { path: "/v1/reports", rows: 60, asAdmin: true },
  "/v1/publishers/:name/keys": { path: "/v1/publishers/acme/keys", rows: 10 },
  "/v1/scopes/:scope/transfer": { path: "/v1/scopes/@acme/transfer", rows: 10, status: 404 },
  "/v1/whoami": { path: "/v1/whoami", rows: 10, asAdmin: true },
  "/v1/review-queue": { path: "/v1/review-queue", rows: 210, asAdmin: true },
  "/v1/trust": { path: "/v1/trust", rows: 20 },
  // The whole list: a person writes each line of it, and its length is limited.
  "/v1/advisories": { path: "/v1/advisories", rows: MANY + 10 },
  "/v1/advisories/osv.json": { path: "/v1/advisories/osv.json", rows: MANY + 10 },
  "/v1/advisories/:id": { path: "/v1/advisories/none.osv.json", rows: 10, status: 404 },
  "/v1/licenses": { path: "/v1/licenses?plugin=@demo/invoices", rows: 210, asAdmin: true },
  "/v1/licenses/:id": { path: "/v1/licenses/{license}", rows: 20, asAdmin: true },
  "/v1/webhooks": { path: "/v1/webhooks?publisher=acme", rows: 60, asAdmin: true },
  "/v1/events": { path: "/v1/events?publisher=acme", rows: 210, asAdmin: true },
  "/v1/orders/:id": { path: `/v1/orders/${NO_ORDER}?session_id=none`, rows: 10, status: 404 },
  "/v1/changes": [
    { path: "/v1/changes?limit=20", rows: 70 },
    { path: "/v1/changes", rows: 310 },
    { path: "/v1/changes?after=latest", rows: 310 },
  ],
  "/feed.atom": { path: "/feed.atom", rows: 460 },
  "/plugins/:scope/:name/feed.atom": { path: "/plugins/@acme/hello/feed.atom", rows: 460 },
  "/publishers/:name/feed.atom": { path: "/publishers/acme/feed.atom", rows: 460 },
  "/badge/:scope/:name/:file": { path: "/badge/@acme/hello/version.svg", rows: 2 },
  "/sitemap.xml": { path: "/sitemap.xml", rows: 2 },
  // A sitemap is what it reads, once an hour.
  "/sitemap/:file": { path: "/sitemap/0.xml", rows: MANY + 10 },
  "/media/:file": { path: `/media/${"0".repeat(64)}.png`, rows: 0, status: 404 },
  "/robots.txt": { path: "/robots.txt", rows: 0 },
  "/b/:file": [
    { path: "{bundle}", rows: 0 },
    { path: `/b/${"0".repeat(64)}.rbsm`, rows: 0, status: 404 },
  ],
  "/:scope/:name/:version/bundle.rbsm": {
    path: "/@acme/hello/1.0.0/bundle.rbsm",
    rows: 0,
    status: 302,
  },
  "/index/:scope/:file": { path: "/index/@acme/hello.json", rows: 0 },
  "/index/:scope/:name/:file": { path: "/index/@acme/hello/1.0.0.release.json", rows: 0 },
  "/log/checkpoint": { path: "/log/checkpoint", rows: 0 },
  "/log/tile/:level/:number{.+}": { path: "/log/tile/0/none", rows: 0, status: 404 },
  "/tuf/:file": { path: "/tuf/none.json", rows: 0, status: 404 },
  "/tuf/targets/:file": { path: "/tuf/targets/none.json", rows: 0, status: 404 },
  "/tuf/targets/catalog/:file": { path: "/tuf/targets/catalog/none.json", rows: 0, status: 404 },
  "/": [
    { path: "/?lang=en", rows: 60 },
    { path: "/?lang=de&q=invoice", rows: 660 },
  ],
  "/plugins/:scope/:plugin": { path: "/plugins/@acme/hello?lang=en", rows: 20 },
  "/plugins/:scope/:plugin/versions": { path: "/plugins/@acme/hello/versions?lang=en", rows: 10 },
  "/plugins/:scope/:plugin/changelog": { path: "/plugins/@acme/hello/changelog?lang=en", rows: 10 },
  "/plugins/:scope/:plugin/compare": { path: "/plugins/@acme/hello/compare?lang=en", rows: 15 },
  "/plugins/:scope/:plugin/dependents": {
    path: "/plugins/@acme/hello/dependents?lang=en",
    rows: 120,
  },
  "/plugins/:scope/:plugin/ratings": { path: "/plugins/@acme/hello/ratings?lang=en", rows: 60 },
  "/plugins/:scope/:plugin/report": { path: "/plugins/@acme/hello/report?lang=en", rows: 10 },
  "/orders/:id": { path: "/orders/none", rows: 10, status: 404 },
  "/offline": { path: "/offline", rows: 0 },
  "/site/style.css": { path: "/site/style.css", rows: 0 },
  "/site/icon.svg": { path: "/site/icon.svg", rows: 0 },
  "/*": { path: "/nothing-here", rows: 0, status: 404 },
};

const stored: Record<string, string> = {};
const { bindings, count } = counting(env);

beforeAll(async () => {
  await resetMarketplace();
  const acme = await createAccount("acme");
  for (const version of ["1.0.0", "1.1.0", "2.0.0"]) {
    const target = { name: "@acme/hello", version };
    const answer = await publish(target, await buildBundle(acme.key, target), acme);
    expect(answer.status).toBe(201);
  }
  await publishPaidPlugin(await createAccount("demo"));
  stored["license"] = (await issue("pro")).licenseId;
  const versionSchema = z.object({ bundle: z.string() });
  const version = versionSchema.parse(await (await call(`${PLUGIN}/versions/1.0.0`)).json());
  stored["bundle"] = new URL(version.bundle).pathname;
  await seedCatalogue(env.SEARCH, MANY);
  await fillDatabase();
  // The schema is looked at once an isolate, not once a request.
  await call("/v1/plugins", {}, bindings);
}, 60_000);

/** So much in every table that a query without an index, or without a limit, is seen. */
async function fillDatabase(): Promise<void> {
  await copies("publishers", { name: "'p' || n" });
  await copies("plugins", { name: "'@acme/p' || n", scope: "'@acme'", shard: "NULL" });
  await copies("versions", {
    plugin: "'@acme/hello'",
    version: "'0.1.' || n",
    sort_key: "'0' || n",
    seq: "n + 100",
    log_index: "n + 100",
    status: "'published'",
  });
  await copies("licenses", { id: "'license-' || n", key_hash: "'hash-' || n", order_id: "NULL" });
  await copies("audit", { id: "n + 1000", detail: "'{}'" });
  const advisory = { status: "withdrawn", reason: "for the test" };
  await env.DB.prepare(
    `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?1)
     INSERT INTO advisories (id, entry, withdrawn_at) SELECT 'advisory-' || n, ?2, 1 FROM numbers`,
  )
    .bind(MANY, JSON.stringify(advisory))
    .run();
}

const columnSchema = z.array(z.object({ name: z.string(), hidden: z.number() }));

/** Copies of a table's first row, with some columns made from `n`, the number of the copy. */
async function copies(table: string, changes: Record<string, string>): Promise<void> {
  const { results } = await env.DB.prepare(`PRAGMA table_xinfo(${table})`).all();
  const names = columnSchema.parse(results).filter(({ hidden }) => hidden === 0);
  const columns = names.map(({ name }) => name);
  const values = columns.map((name) => changes[name] ?? `template."${name}"`);
  await env.DB.prepare(
    `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?),
       template AS (SELECT * FROM ${table} LIMIT 1)
     INSERT INTO ${table} (${columns.map((name) => `"${name}"`).join(", ")})
     SELECT ${values.join(", ")} FROM numbers, template`,
  )
    .bind(MANY)
    .run();
}

const routes = app.routes.filter(({ method }) => method === "GET").map(({ path }) => path);

test("every GET route has a budget of rows, and every line of it is a route", () => {
  expect([...new Set(routes)].toSorted()).toEqual(Object.keys(BUDGETS).toSorted());
});

const lines = Object.entries(BUDGETS).flatMap(([route, budgets]) =>
  [budgets].flat().map((budget) => ({ route, ...budget })),
);

describe.each(lines)("GET $path", ({ path, rows, status = 200, asAdmin = false }) => {
  test("reads no more rows than its budget, and writes none", async () => {
    const address = path.replace(/\{(\w+)\}/, (_, name: string) => stored[name] ?? "");
    Object.assign(count, { queries: 0, rowsRead: 0, rowsWritten: 0 });
    const answer = asAdmin
      ? await send("GET", address, { bindings })
      : await call(address, {}, bindings);
    await answer.arrayBuffer();
    expect(answer.status).toBe(status);
    expect(count.rowsRead).toBeLessThanOrEqual(rows);
    expect(count.rowsWritten).toBe(0);
    if (rows === 0) expect(count.queries).toBe(0);
  });

  test("is kept by caches as its route says, and by nobody when it is refused", async () => {
    const address = path.replace(/\{(\w+)\}/, (_, name: string) => stored[name] ?? "");
    const { headers, status: answered } = await call(address);
    const known: readonly string[] = [...Object.values(CACHE), "private, max-age=60"];
    expect(known).toContain(headers.get("Cache-Control"));
    if (answered >= 400) expect(headers.get("Cache-Control")).toBe(CACHE.none);
  });
});
