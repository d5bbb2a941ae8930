import { env } from "cloudflare:workers";
import { dependentPageSchema, pluginDetailSchema } from "@rising-bsm/protocol";
import { drizzle } from "drizzle-orm/d1";
import { beforeAll, expect, test } from "vitest";
import { buildBundle, call, createAccount, publish, refusal } from "../testing.ts";
import { resetMarketplace, send } from "../testing.ts";
import type { Account } from "../testing.ts";
import { counting, failingAt } from "../testing-bindings.ts";
import { dependentStatements } from "./dependents-queries.ts";

const BASE = "/v1/plugins/@acme/base";
let acme: Account;

beforeAll(async () => {
  await resetMarketplace();
  acme = await createAccount("acme");
  await release({ name: "@acme/base", engines: { "rising-bsm": "^2" } });
  await release({ name: "@acme/base", version: "1.1.0", engines: { "rising-bsm": "^2" } });
});

async function release(manifest: { name: string; version?: string; [key: string]: unknown }) {
  const target = { name: manifest.name, version: manifest.version ?? "1.0.0" };
  const bundle = await buildBundle(acme.key, manifest);
  expect((await publish(target, bundle, acme)).status).toBe(201);
}

const needsBase = (range = "^1.0.0") => ({ dependencies: { "@acme/base": range } });

async function detail(path = BASE) {
  return pluginDetailSchema.parse(await (await call(path)).json());
}

async function dependents(query = "") {
  const answer = await call(`${BASE}/dependents${query}`);
  expect(answer.status).toBe(200);
  return dependentPageSchema.parse(await answer.json());
}

/** As the detail has them, which is the beginning of the list. */
async function namesOfDependents(): Promise<string[]> {
  const { items } = await dependents();
  expect((await detail()).dependents).toEqual({ count: items.length, first: items.slice(0, 10) });
  return items.map(({ name }) => name);
}

function count(plugin: string, downloads: number): Promise<unknown> {
  return env.DB.prepare(
    `INSERT INTO plugin_counts (plugin, downloads, installs, ratings, stars) VALUES (?, ?, 3, 2, 9)
     ON CONFLICT (plugin) DO UPDATE SET downloads = excluded.downloads`,
  )
    .bind(plugin, downloads)
    .run();
}

test("a plugin's answer says for which hosts it is, how large it was and who signed it", async () => {
  await count("@acme/base", 7);
  const plugin = await detail();
  expect(plugin).toMatchObject({
    downloads: 7,
    installs: 3,
    rating: 4.5,
    ratings: 2,
    screenshots: [],
    readme: null,
    changelog: null,
    compatibility: [{ range: "^2", from: "1.0.0", to: "1.1.0", versions: 2 }],
    sizes: [{ version: "1.1.0" }, { version: "1.0.0" }],
    dependents: { count: 0, first: [] },
  });
  const { signature } = plugin;
  expect(signature).toMatchObject({ logIndex: expect.any(Number), keyId: acme.key.keyId });
  for (const path of [signature?.statement ?? "", signature?.proof ?? ""]) {
    expect([path, (await call(path)).status]).toEqual([path, 200]);
  }
});

test("who needs a plugin is counted from what each plugin shows", async () => {
  await release({ name: "@acme/one", ...needsBase() });
  await release({ name: "@acme/two", ...needsBase("*") });
  await release({ name: "@acme/hidden", visibility: "private", ...needsBase() });
  await release({ name: "@acme/veiled", visibility: "unlisted", ...needsBase() });
  expect((await dependents()).items).toEqual([
    { name: "@acme/one", range: "^1.0.0" },
    { name: "@acme/two", range: "*" },
  ]);
  expect(await namesOfDependents()).toEqual(["@acme/one", "@acme/two"]);

  await count("@acme/two", 5);
  expect(await namesOfDependents()).toEqual(["@acme/two", "@acme/one"]);
  await count("@acme/two", 0);
  expect(await namesOfDependents()).toEqual(["@acme/one", "@acme/two"]);

  await release({ name: "@acme/two", version: "1.1.0" });
  expect(await namesOfDependents()).toEqual(["@acme/one"]);
  await release({ name: "@acme/one", version: "1.1.0", ...needsBase(">=1.1.0") });
  expect((await detail()).dependents?.first).toEqual([{ name: "@acme/one", range: ">=1.1.0" }]);
});

test("a plugin that nobody may choose needs nothing", async () => {
  await release({ name: "@acme/three", ...needsBase() });
  const path = "/v1/plugins/@acme/three/versions/1.0.0/yank";
  expect((await send("POST", path, { body: { reason: "Broken" } })).status).toBe(200);
  expect(await namesOfDependents()).toEqual(["@acme/one"]);
  expect((await send("POST", path, { body: { reason: null } })).status).toBe(200);
  expect(await namesOfDependents()).toEqual(["@acme/one", "@acme/three"]);
  const removed = await send("DELETE", "/v1/plugins/@acme/three", { body: { reason: "Spam" } });
  expect(removed.status).toBe(200);
  expect(await namesOfDependents()).toEqual(["@acme/one"]);
});

test("what an older document says of a plugin does not replace what a newer one said", async () => {
  const needs = { plugin: "@acme/one", revision: 1, ranges: { "@acme/else": "1" } };
  const [remove, insert] = dependentStatements(drizzle(env.DB), needs);
  await drizzle(env.DB).batch([remove, insert]);
  expect(await namesOfDependents()).toEqual(["@acme/one"]);
  const rows = "SELECT count(*) AS total FROM dependents WHERE plugin = '@acme/else'";
  expect(await env.DB.prepare(rows).first("total")).toBe(0);
});

test.each(["failed", "failed but stored"] as const)(
  "wherever a publish %s, who needs a plugin is right once it is finished",
  async (fault) => {
    const name = fault === "failed" ? "@acme/fails" : "@acme/halts";
    for (let nth = 1, isHit = true; isHit; nth++) {
      const version = `1.0.${nth}`;
      const manifest = { name, version, ...needsBase(`>=1.0.${nth}`) };
      const bundle = await buildBundle(acme.key, manifest);
      const { bindings, hit } = failingAt(env, nth, fault);
      await publish(manifest, bundle, { token: acme.token, bindings });
      isHit = hit();
      expect((await publish(manifest, bundle, acme)).ok).toBe(true);
      const { dependents } = await detail();
      expect(dependents?.count).toBe(dependents?.first.length);
      expect(dependents?.first).toContainEqual({ name, range: `>=1.0.${nth}` });
    }
  },
);

/** Plugins without releases that need the base; many with the same downloads. */
async function addDependents(amount: number): Promise<void> {
  const names = JSON.stringify(Array.from({ length: amount }, (_, at) => `@acme/d${at}`));
  await env.DB.batch([
    env.DB.prepare(
      `INSERT OR IGNORE INTO plugins (name, scope, created_at, updated_at)
       SELECT value, '@acme', 0, 0 FROM json_each(?)`,
    ).bind(names),
    env.DB.prepare(
      `INSERT OR IGNORE INTO dependents (plugin, dependent, range, less_popular)
       SELECT '@acme/base', value, '*', -(key % 3) FROM json_each(?) WHERE 1`,
    ).bind(names),
  ]);
}

test("however many need a plugin, a page reads what it shows", async () => {
  await addDependents(300);
  const { bindings, count } = counting(env);
  // The first request also asks for the schema.
  await call(BASE, {}, bindings);
  count.rowsRead = 0;
  expect((await call(BASE, {}, bindings)).status).toBe(200);
  expect(count.rowsRead).toBeLessThanOrEqual(10);

  const seen: string[] = [];
  for (let cursor: string | null = ""; cursor !== null;) {
    count.rowsRead = 0;
    const query = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const answer: Response = await call(`${BASE}/dependents?limit=20${query}`, {}, bindings);
    const page = dependentPageSchema.parse(await answer.json());
    // A row of the index and one of the table for each, and those that say whose list it is.
    expect(count.rowsRead).toBeLessThanOrEqual(2 * 21 + 3);
    seen.push(...page.items.map(({ name }) => name));
    cursor = page.nextCursor;
  }
  expect(seen).toHaveLength(303);
  expect(new Set(seen).size).toBe(303);
  expect((await detail()).dependents).toMatchObject({ count: 303 });
  expect((await detail()).dependents?.first.map(({ name }) => name)).toEqual(seen.slice(0, 10));
});

test("the list of who needs a plugin is as hidden as the plugin", async () => {
  for (const name of ["@acme/hidden", "@acme/nothing"]) {
    const path = `/v1/plugins/${name}/dependents`;
    expect(await refusal(await call(path))).toEqual([404, "plugin_not_found"]);
  }
  const own = await send("GET", "/v1/plugins/@acme/hidden/dependents", { token: acme.token });
  expect([own.status, own.headers.get("cache-control")]).toEqual([200, "no-store"]);
  expect((await call("/v1/plugins/@acme/veiled/dependents")).status).toBe(200);
});
