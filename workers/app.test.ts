import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { app } from "./app.ts";
import { REQUIRED_MIGRATIONS } from "./database.ts";
import { CACHE } from "./http.ts";
import { counting } from "./testing-bindings.ts";
import {
  buildBundle,
  call,
  createAccount,
  createToken,
  publish,
  refusal,
  resetMarketplace,
  send,
} from "./testing.ts";

beforeAll(async () => {
  await resetMarketplace();
  const acme = await createAccount("acme");
  const target = { name: "@acme/hello", version: "1.0.0" };
  await publish(target, await buildBundle(acme.key, target), acme);
});

/** Who may pass the door of a route: everybody, any token, the holder of a permission, the administrator, an instance. */
type Door =
  | "open"
  | "token"
  | "admin"
  | "proof"
  | "publish"
  | "yank"
  | "licenses"
  | "keys"
  | "tokens";

const VERSION = "/v1/plugins/{scope}/{name}/versions/{version}";
const DOORS: Record<string, Door> = {
  "GET /health": "open",
  "GET /v1/plugins": "open",
  "GET /v1/plugins/{scope}/{name}": "open",
  "DELETE /v1/plugins/{scope}/{name}": "yank",
  "GET /v1/plugins/{scope}/{name}/versions": "open",
  "GET /v1/plugins/{scope}/{name}/compare": "open",
  "GET /v1/plugins/{scope}/{name}/dependents": "open",
  [`GET ${VERSION}`]: "open",
  [`PUT ${VERSION}`]: "publish",
  [`POST ${VERSION}/yank`]: "yank",
  [`POST ${VERSION}/deprecate`]: "yank",
  [`POST ${VERSION}/approve`]: "admin",
  [`POST ${VERSION}/reject`]: "admin",
  "PUT /v1/plugins/{scope}/{name}/channels/{channel}": "publish",
  "GET /v1/plugins/{scope}/{name}/reviews": "open",
  "POST /v1/plugins/{scope}/{name}/reviews": "proof",
  "GET /v1/plugins/{scope}/{name}/reviews/own": "proof",
  "GET /v1/plugins/{scope}/{name}/reviews/{id}": "open",
  "DELETE /v1/plugins/{scope}/{name}/reviews/{id}": "proof",
  "PUT /v1/plugins/{scope}/{name}/reviews/{id}/reply": "publish",
  "DELETE /v1/plugins/{scope}/{name}/reviews/{id}/reply": "publish",
  "POST /v1/plugins/{scope}/{name}/reviews/{id}/hide": "admin",
  "POST /v1/plugins/{scope}/{name}/reviews/{id}/restore": "admin",
  "POST /v1/plugins/{scope}/{name}/reports": "open",
  "GET /v1/plugins/{scope}/{name}/reports": "publish",
  "GET /v1/reports": "admin",
  "POST /v1/reports/{id}/resolve": "admin",
  "GET /v1/review-queue": "admin",
  "POST /v1/publishers": "admin",
  "PUT /v1/publishers/{name}/verified": "admin",
  "POST /v1/scopes": "tokens",
  "GET /v1/scopes/{scope}/transfer": "open",
  "POST /v1/scopes/{scope}/transfer": "tokens",
  "DELETE /v1/scopes/{scope}/transfer": "tokens",
  "POST /v1/tokens": "tokens",
  "DELETE /v1/tokens/{id}": "tokens",
  "POST /v1/keys/challenge": "keys",
  "POST /v1/keys": "keys",
  "POST /v1/keys/{keyId}/revoke": "keys",
  "POST /v1/keys/recover": "keys",
  "GET /v1/publishers/{name}/keys": "open",
  "GET /v1/whoami": "token",
  "PUT /v1/trust": "admin",
  "GET /v1/trust": "open",
  "POST /v1/catalog/check": "admin",
  "POST /v1/search/check": "admin",
  "POST /v1/search/rebuild": "admin",
  "GET /media/{file}": "open",
  "GET /v1/advisories": "open",
  "GET /v1/advisories/osv.json": "open",
  "GET /v1/advisories/{id}": "open",
  "PUT /v1/advisories/{id}": "admin",
  "DELETE /v1/advisories/{id}": "admin",
  "POST /v1/instances": "proof",
  "POST /v1/beacons": "proof",
  "POST /v1/licenses": "licenses",
  "GET /v1/licenses": "licenses",
  "GET /v1/licenses/{id}": "licenses",
  "POST /v1/licenses/activate": "proof",
  // The file in the body is signed by the instance, and says what it may have.
  "POST /v1/licenses/offline": "open",
  "POST /v1/licenses/{id}/upgrade": "licenses",
  "POST /v1/licenses/{id}/{action}": "licenses",
  "POST /v1/leases": "proof",
  "POST /v1/activations/{id}/resume": "proof",
  "DELETE /v1/activations/{id}": "proof",
  "POST /v1/downloads": "proof",
  "POST /v1/orders": "open",
  "GET /v1/orders/{id}": "open",
  "POST /v1/payments/stripe": "open",
  "POST /v1/webhooks": "licenses",
  "GET /v1/webhooks": "licenses",
  "DELETE /v1/webhooks/{id}": "licenses",
  "POST /v1/webhooks/{id}/rotate": "licenses",
  "POST /v1/webhooks/{id}/enable": "licenses",
  "POST /v1/webhooks/{id}/test": "licenses",
  "GET /v1/events": "licenses",
  "GET /b/{file}": "open",
  "GET /{scope}/{name}/{version}/bundle.rbsm": "open",
  "GET /index/{scope}/{file}": "open",
  "GET /index/{scope}/{name}/{file}": "open",
  "GET /log/checkpoint": "open",
  "GET /log/tile/{level}/{number}": "open",
  "POST /v1/log/recover": "admin",
  "GET /tuf/{file}": "open",
  "GET /v1/changes": "open",
  "GET /feed.atom": "open",
  "GET /plugins/{scope}/{name}/feed.atom": "open",
  "GET /publishers/{name}/feed.atom": "open",
  "GET /badge/{scope}/{name}/{file}": "open",
  "GET /sitemap.xml": "open",
  "GET /sitemap/{file}": "open",
  "GET /robots.txt": "open",
  "GET /tuf/targets/{file}": "open",
  "GET /tuf/targets/catalog/{file}": "open",
};

/** Routes that are no part of the API: pages for people, and the description of the API itself. */
const PAGES = [
  "/",
  "/openapi.json",
  "/plugins/:scope/:plugin",
  "/plugins/:scope/:plugin/versions",
  "/plugins/:scope/:plugin/changelog",
  "/plugins/:scope/:plugin/compare",
  "/plugins/:scope/:plugin/dependents",
  "/plugins/:scope/:plugin/buy",
  "/plugins/:scope/:plugin/report",
  "/plugins/:scope/:plugin/ratings",
  "/orders/:id",
  "/offline",
  "/site/style.css",
  "/site/icon.svg",
];

const routes = app.getOpenAPI31Document({
  openapi: "3.1.0",
  info: { title: "", version: "" },
}).paths;
const operationSchema = z.looseObject({ security: z.array(z.unknown()).optional() });
const listed = Object.entries(routes ?? {}).flatMap(([path, item]) =>
  Object.keys(item ?? {}).map((method) => `${method.toUpperCase()} ${path}`),
);

test("every route is in the authorisation matrix, and every line of it is a route", () => {
  expect(listed.toSorted((a, b) => a.localeCompare(b))).toEqual(
    Object.keys(DOORS).toSorted((a, b) => a.localeCompare(b)),
  );
});

test("no route is registered outside the described API but the pages", () => {
  const described = new Set(listed.map((line) => line.replaceAll(/\{(.+?)\}/g, ":$1")));
  const others = app.routes
    .map(({ method, path }) => ({ method, path: path.replaceAll(/\{[^}]*\}/g, "") }))
    .filter(({ method, path }) => method !== "ALL" && !described.has(`${method} ${path}`))
    .map(({ path }) => path)
    .filter((path) => path !== "/*" && path !== "*");
  expect(others.filter((path) => !PAGES.includes(path))).toEqual([]);
});

test("the description of a route says what lets a request in", () => {
  const described = Object.entries(routes ?? {}).flatMap(([path, item]) =>
    Object.entries(z.record(z.string(), operationSchema).parse(item ?? {})).map(
      ([method, { security }]) => [`${method.toUpperCase()} ${path}`, security] as const,
    ),
  );
  const expected = Object.entries(DOORS).map(([line, door]) => {
    const scheme = door === "proof" ? "proof" : "token";
    return [line, door === "open" ? undefined : [{ [scheme]: [] }]] as const;
  });
  expect(Object.fromEntries(described)).toEqual(Object.fromEntries(expected));
});

const PERMISSIONS = ["publish", "yank", "licenses", "keys", "tokens"] as const;
const sample: Record<string, string> = {
  scope: "@acme",
  name: "hello",
  plugin: "hello",
  version: "1.0.0",
  channel: "latest",
  action: "suspend",
};

function concrete(line: string): { method: string; path: string } {
  const [method = "", path = ""] = line.split(" ");
  return { method, path: path.replaceAll(/\{(.+?)\}/g, (_, name: string) => sample[name] ?? "x") };
}

/** Past the door a request may still be refused, for its body or its subject: that is not the door. */
async function isLetIn(line: string, headers: Record<string, string>): Promise<boolean> {
  const { method, path } = concrete(line);
  const body = method === "GET" ? {} : { body: "{}" };
  const type = { "Content-Type": "application/json" };
  const response = await call(path, { method, headers: { ...type, ...headers }, ...body });
  if (response.ok || response.status < 400) return true;
  const { code, detail } = (await response.json()) as { code: string; detail: string };
  if (code === "auth_scope") return !/administrator|lacks the permission/.test(detail);
  return !code.startsWith("auth_");
}

describe("the door of", () => {
  const tokens = new Map<string, string>();

  beforeAll(async () => {
    for (const permission of PERMISSIONS) {
      tokens.set(permission, await createToken({ publisher: "acme", permissions: [permission] }));
    }
  });

  test.each(Object.entries(DOORS))("%s lets in who it is for: %s", async (line, door) => {
    const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });
    expect(await isLetIn(line, {})).toBe(door === "open");
    expect(await isLetIn(line, bearer("rbsm_pat_unknown"))).toBe(door === "open");
    for (const [permission, token] of tokens) {
      const expected = door === "open" || door === "token" || door === permission;
      expect([permission, await isLetIn(line, bearer(token))]).toEqual([permission, expected]);
    }
    if (door === "proof") expect(await isLetIn(line, { "Rbsm-Proof": "a.b.c" })).toBe(false);
    else expect(await isLetIn(line, bearer(env.ADMIN_TOKEN))).toBe(true);
  });
});

test.each([...Object.keys(DOORS), ...PAGES.map((page) => `GET ${page}`), "GET /nothing-here"])(
  "%s says explicitly how long its answer may be kept",
  async (line) => {
    const { method, path } = concrete(line.replaceAll(/:(\w+)/g, "{$1}"));
    const response = await call(path, { method });
    expect(response.headers.get("cache-control")).toMatch(/^(no-store|public, |private, )/);
    if (!response.ok && response.status !== 302) {
      expect(response.headers.get("cache-control")).toBe("no-store");
    }
  },
);

describe("an older schema", () => {
  const stale = { ...env, DB: counting(env).bindings.DB };
  const isApplied = env.DB.prepare("UPDATE d1_migrations SET name = name || ? WHERE name = ?");

  test("is refused outside /health and the static plane, until it is migrated", async () => {
    await isApplied.bind("-not", REQUIRED_MIGRATIONS.DB).run();
    const answer = await call("/v1/plugins", {}, stale);
    expect(answer.headers.get("retry-after")).toBe("30");
    expect(await refusal(answer)).toEqual([503, "schema_outdated"]);
    expect((await call("/health", {}, stale)).status).toBe(200);
    expect((await call("/index/@acme/hello.json", {}, stale)).status).toBe(200);
    await env.DB.prepare("UPDATE d1_migrations SET name = ? WHERE name = ?")
      .bind(REQUIRED_MIGRATIONS.DB, `${REQUIRED_MIGRATIONS.DB}-not`)
      .run();
    expect((await call("/v1/plugins", {}, stale)).status).toBe(200);
  });

  test("is also one that nothing was ever applied to", async () => {
    const DB = counting(env).bindings.DB;
    DB.prepare = (sql) => env.DB.prepare(sql.replace("d1_migrations", "nowhere"));
    const answer = await call("/v1/plugins", {}, { ...env, DB });
    expect(await refusal(answer)).toEqual([503, "schema_outdated"]);
  });

  test("is asked about once an isolate", async () => {
    const { bindings, count } = counting(env);
    await send("GET", "/v1/review-queue", { bindings });
    const first = count.queries;
    await send("GET", "/v1/review-queue", { bindings });
    expect(count.queries - first).toBeLessThan(first);
  });

  test("means the newest file of each folder", () => {
    expect(env.DB_MIGRATIONS.at(-1)?.name).toBe(REQUIRED_MIGRATIONS.DB);
    expect(env.SEARCH_MIGRATIONS.at(-1)?.name).toBe(REQUIRED_MIGRATIONS.SEARCH);
  });
});

test("a Worker without its secrets says which are missing", async () => {
  const answer = await send("GET", "/v1/review-queue", { bindings: { ...env, ADMIN_TOKEN: "" } });
  expect(answer.status).toBe(503);
  expect(await answer.json()).toMatchObject({
    code: "unavailable",
    detail: expect.stringContaining("ADMIN_TOKEN"),
  });
});

test("/openapi.json is served and names the problem shape", async () => {
  const response = await call("/openapi.json");
  expect(response.status).toBe(200);
  expect(response.headers.get("Cache-Control")).toBe(CACHE.pointer);
  const headers = { "If-None-Match": response.headers.get("ETag") ?? "" };
  expect((await call("/openapi.json", { headers })).status).toBe(304);
  const document = await response.json();
  expect(JSON.stringify(document)).toContain("application/problem+json");
  expect(document).toMatchObject({
    components: { securitySchemes: { token: { scheme: "bearer" }, proof: { name: "Rbsm-Proof" } } },
  });
});
