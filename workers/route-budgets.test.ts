import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { app } from "./app.ts";
import { CACHE } from "./http.ts";
import { legacyApp } from "./legacy/routes.ts";
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
  /** Sent as the old connector does. */
  readonly isLegacy?: boolean;
  /** How caches keep it; "none" when not said. */
  readonly cache?: keyof typeof CACHE;
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
  "/openapi.json": { path: "/openapi.json", cache: "pointer", rows: 0 },
  "/v1/plugins": [
    { path: "/v1/plugins", cache: "page", rows: 60 },
    { path: "/v1/plugins?sort=new&category=finance&permission=!storage", cache: "page", rows: 60 },
    { path: "/v1/plugins?limit=100", cache: "page", rows: 210 },
    { path: "/v1/plugins?q=invoice", cache: "page", rows: 650 },
    { path: "/v1/plugins?q=invocie", cache: "page", rows: 650 },
  ],
  "/v1/plugins/:scope/:name": [
    { path: PLUGIN, cache: "page", rows: 10 },
    { path: "/v1/plugins/@acme/none", rows: 10, status: 404 },
  ],
  "/v1/plugins/:scope/:name/versions": [
    { path: `${PLUGIN}/versions`, cache: "page", rows: 110 },
    { path: `${PLUGIN}/versions?limit=20`, cache: "page", rows: 30 },
  ],
  "/v1/plugins/:scope/:name/compare": {
    path: `${PLUGIN}/compare?from=1.0.0&to=2.0.0`,
    cache: "page",
    rows: 10,
  },
  "/v1/plugins/:scope/:name/dependents": { path: `${PLUGIN}/dependents`, cache: "page", rows: 210 },
  "/v1/plugins/:scope/:name/versions/:version": [
    { path: `${PLUGIN}/versions/1.0.0`, cache: "page", rows: 10 },
    { path: `${PLUGIN}/versions/9.9.9`, rows: 10, status: 404 },
  ],
  "/v1/plugins/:scope/:name/reviews": [
    { path: `${PLUGIN}/reviews`, cache: "page", rows: 60 },
    { path: `${PLUGIN}/reviews?sort=highest&limit=100`, cache: "page", rows: 220 },
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
  "/v1/advisories/osv.json": { path: "/v1/advisories/osv.json", cache: "page", rows: MANY + 10 },
  "/v1/advisories/:id": { path: "/v1/advisories/none", rows: 10, status: 404 },
  "/v1/licenses": { path: "/v1/licenses?plugin=@demo/invoices", rows: 210, asAdmin: true },
  "/v1/licenses/:id": { path: "/v1/licenses/{license}", rows: 20, asAdmin: true },
  "/v1/webhooks": { path: "/v1/webhooks?publisher=acme", rows: 60, asAdmin: true },
  "/v1/events": [
    { path: "/v1/events?publisher=demo&limit=20", rows: 110, asAdmin: true },
    { path: "/v1/events?publisher=demo&scope=@demo", rows: 30, asAdmin: true },
  ],
  "/v1/orders/:id": { path: `/v1/orders/${NO_ORDER}?session_id=none`, rows: 10, status: 404 },
  "/v1/changes": [
    { path: "/v1/changes?limit=20", cache: "news", rows: 70 },
    { path: "/v1/changes", cache: "news", rows: 310 },
    { path: "/v1/changes?after=latest", cache: "news", rows: 310 },
  ],
  "/feed.atom": { path: "/feed.atom", cache: "page", rows: 460 },
  "/plugins/:scope/:name/feed.atom": {
    path: "/plugins/@acme/hello/feed.atom",
    cache: "page",
    rows: 460,
  },
  "/publishers/:name/feed.atom": { path: "/publishers/acme/feed.atom", cache: "page", rows: 460 },
  "/badge/:scope/:name/:file": { path: "/badge/@acme/hello/version.svg", cache: "page", rows: 2 },
  "/sitemap.xml": { path: "/sitemap.xml", cache: "robots", rows: 2 },
  // A sitemap is what it reads, once an hour.
  "/sitemap/:file": { path: "/sitemap/0.xml", cache: "robots", rows: MANY + 10 },
  "/media/:file": { path: `/media/${"0".repeat(64)}.png`, rows: 0, status: 404 },
  "/robots.txt": { path: "/robots.txt", cache: "robots", rows: 0 },
  "/b/:file": [
    { path: "{bundle}", cache: "immutable", rows: 0 },
    { path: `/b/${"0".repeat(64)}.rbsm`, rows: 0, status: 404 },
  ],
  "/:scope/:name/:version/bundle.rbsm": {
    path: "/@acme/hello/1.0.0/bundle.rbsm",
    cache: "immutable",
    rows: 0,
    status: 302,
  },
  "/index/:scope/:file": { path: "/index/@acme/hello.json", cache: "pointer", rows: 0 },
  "/index/:scope/:name/:file": {
    path: "/index/@acme/hello/1.0.0.release.json",
    cache: "immutable",
    rows: 0,
  },
  "/log/checkpoint": { path: "/log/checkpoint", cache: "pointer", rows: 0 },
  "/log/tile/:level/:number{.+}": { path: "/log/tile/0/none", rows: 0, status: 404 },
  "/tuf/:file": { path: "/tuf/none.json", rows: 0, status: 404 },
  "/tuf/targets/:file": { path: "/tuf/targets/none.json", rows: 0, status: 404 },
  "/tuf/targets/catalog/:file": { path: "/tuf/targets/catalog/none.json", rows: 0, status: 404 },
  "/": [
    { path: "/?lang=en", cache: "page", rows: 60 },
    { path: "/?lang=de&q=invoice", cache: "page", rows: 660 },
  ],
  "/plugins/:scope/:plugin": { path: "/plugins/@acme/hello?lang=en", cache: "page", rows: 20 },
  "/plugins/:scope/:plugin/versions": {
    path: "/plugins/@acme/hello/versions?lang=en",
    cache: "page",
    rows: 10,
  },
  "/plugins/:scope/:plugin/changelog": {
    path: "/plugins/@acme/hello/changelog?lang=en",
    cache: "page",
    rows: 10,
  },
  "/plugins/:scope/:plugin/compare": {
    path: "/plugins/@acme/hello/compare?lang=en",
    cache: "page",
    rows: 15,
  },
  "/plugins/:scope/:plugin/dependents": {
    path: "/plugins/@acme/hello/dependents?lang=en",
    cache: "page",
    rows: 120,
  },
  "/plugins/:scope/:plugin/ratings": {
    path: "/plugins/@acme/hello/ratings?lang=en",
    cache: "page",
    rows: 60,
  },
  "/plugins/:scope/:plugin/report": {
    path: "/plugins/@acme/hello/report?lang=en",
    cache: "page",
    rows: 10,
  },
  "/orders/:id": { path: "/orders/none", rows: 10, status: 404 },
  "/offline": { path: "/offline", cache: "language", rows: 0 },
  "/site/style.css": { path: "/site/style.css", rows: 0 },
  "/site/icon.svg": { path: "/site/icon.svg", cache: "pointer", rows: 0 },
  "/*": { path: "/nothing-here", rows: 0, status: 404 },
};

/** Every GET route of the old connector, without those above. */
const LEGACY_BUDGETS: typeof BUDGETS = {
  "/health": { path: "/v1/health", rows: 0 },
  "/plugins": [
    { path: "/plugins?limit=100", rows: 210 },
    { path: "/plugins?query=invoice", rows: 650 },
    // Nine pages are walked over.
    { path: "/plugins?sortBy=downloads&page=10", rows: 600 },
    { path: "/plugins?page=11", rows: 0, status: 400 },
  ],
  "/plugins/:scope{@[^/]+}/:id": {
    path: "/v1/plugins/@acme/hello",
    rows: 20,
    isLegacy: true,
  },
  "/plugins/:id{[^@/]+}": { path: "/plugins/hello", rows: 120 },
  "/plugins/:scope{@[^/]+}/:id/stats": {
    path: "/plugins/@acme/hello/stats",
    rows: 20,
    asAdmin: true,
  },
  "/plugins/:id{[^@/]+}/stats": { path: "/plugins/hello/stats", rows: 120, asAdmin: true },
  "/plugins/:scope{@[^/]+}/:id/reviews": { path: "/plugins/@acme/hello/reviews", rows: 20 },
  "/plugins/:id{[^@/]+}/reviews": { path: "/plugins/hello/reviews", rows: 120 },
  "/download/:token": { path: "/download/none", rows: 0, status: 404 },
  "/stats": { path: "/stats", rows: 210, asAdmin: true },
  "/users/:id/licenses": { path: "/users/1/licenses", rows: 20, asAdmin: true },
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
  await env.DB.exec(
    "INSERT INTO scopes (scope, publisher, created_at) VALUES ('@demo-two', 'demo', 1)",
  );
  await copies("license_events", { number: "n + 1", scope: "'@demo-two'" });
  await copies("scopes", { scope: "'@s' || n", publisher: "'p' || n" });
  await copies("publisher_keys", { key_id: "printf('%064d', n)", publisher: "'p' || n" });
  await rows("plugin_counts", { plugin: "'@acme/p' || n" });
  await rows("webhooks", {
    id: "'webhook-' || n",
    publisher: "'p' || n",
    url: "'https://example.org/'",
    events: "'[]'",
    secret_version: "1",
    rotated_at: "1",
    delivered: "0",
    attempts: "0",
    claimed_until: "0",
    created_at: "n",
  });
  const instance = { id: "'instance-' || n", public_key: "'key-' || n", jkt: "'jkt-' || n" };
  await rows("instances", { ...instance, created_at: "n" });
  await rows("reviews", {
    id: "'review-' || n",
    plugin: "'@acme/hello'",
    instance_id: "'instance-' || n",
    major: "1",
    version: "'1.0.0'",
    rating: "5",
    title: "'Good'",
    text: "'It is good'",
    language: "'en'",
    created_at: "n",
    updated_at: "n",
    proved_at: "n",
    rid: "'rid'",
  });
  for (const resolvedAt of ["NULL", "n"]) {
    await rows("reports", {
      id: `'report-${resolvedAt}' || n`,
      plugin: "'@acme/hello'",
      reason: "'spam'",
      text: "'It is spam'",
      created_at: "n",
      resolved_at: resolvedAt,
      action: resolvedAt === "n" ? "'dismiss'" : "NULL",
    });
  }
  const advisory = { status: "withdrawn", reason: "for the test" };
  await rows("advisories", {
    id: "'advisory-' || n",
    entry: `'${JSON.stringify(advisory)}'`,
    withdrawn_at: "1",
  });
}

/** Rows whose columns are made from `n`, the number of each. */
async function rows(table: string, values: Record<string, string>): Promise<void> {
  await env.DB.prepare(
    `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)
     INSERT INTO ${table} (${Object.keys(values).join(", ")})
     SELECT ${Object.values(values).join(", ")} FROM numbers`,
  )
    .bind(MANY)
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

test.each([
  ["the marketplace", app, BUDGETS],
  ["the old connector", legacyApp, LEGACY_BUDGETS],
])(
  "every GET route of %s has a budget of rows, and every line of it is a route",
  (_, of, known) => {
    const routes = of.routes.filter(({ method }) => method === "GET").map(({ path }) => path);
    const paths = routes.map((path) => (of === legacyApp ? path.replace(/^\/v1\//, "/") : path));
    expect([...new Set(paths)].toSorted()).toEqual(Object.keys(known).toSorted());
  },
);

const lines = [...Object.values(BUDGETS), ...Object.values(LEGACY_BUDGETS)].flat();

/** Asks as whoever may. */
async function ask({ path, asAdmin = false, isLegacy = false }: Budget): Promise<Response> {
  const address = path.replace(/\{(\w+)\}/, (_, name: string) => stored[name] ?? "");
  if (asAdmin) return send("GET", address, { bindings });
  return call(address, { headers: isLegacy ? { "X-Client-Version": "1.0.0" } : {} }, bindings);
}

describe.each(lines)("GET $path", ({ rows: most, status = 200, cache = "none", ...budget }) => {
  test("reads no more rows than its budget, and is kept by caches as it says", async () => {
    Object.assign(count, { queries: 0, rowsRead: 0, rowsWritten: 0 });
    const answer = await ask({ rows: most, ...budget });
    await answer.arrayBuffer();
    expect(answer.status).toBe(status);
    expect(count.rowsRead).toBeLessThanOrEqual(most);
    expect(count.rowsWritten).toBe(0);
    if (most === 0) expect(count.queries).toBe(0);
    expect(answer.headers.get("Cache-Control")).toBe(CACHE[cache]);
  });
});
