import { env } from "cloudflare:workers";
import { pluginPageSchema } from "@rising-bsm/protocol";
import type { PluginPage } from "@rising-bsm/protocol";
import { beforeAll, beforeEach, expect, test } from "vitest";
import { call, resetMarketplace } from "../testing.ts";
import { removeSearchDoc, writeSearchDoc } from "./index-plugin.ts";
import { sampleListing } from "./sample-catalogue.ts";

const KINDS = ["category", "permission", "price", "license", "host", "verified"];

async function get(query: string): Promise<PluginPage> {
  const response = await call(`/v1/plugins${query}`);
  expect(response.status).toBe(200);
  return pluginPageSchema.parse(await response.json());
}

beforeAll(resetMarketplace);

beforeEach(async () => {
  await env.SEARCH.exec("DELETE FROM docs");
  const view = { code: "customers.view", optional: false };
  const edit = { code: "customers.edit", optional: false };
  await writeSearchDoc(
    env.SEARCH,
    sampleListing(
      {
        name: "@acme/invoices",
        categories: ["finance"],
        license: "(MIT OR Apache-2.0)",
        permissions: [view],
        network: ["api.example.com"],
      },
      { paid: true },
    ),
  );
  await writeSearchDoc(
    env.SEARCH,
    sampleListing(
      {
        name: "@acme/reminders",
        categories: ["appointments", "communication"],
        license: "MIT",
        permissions: [view, edit],
        engines: { "rising-bsm": "^2.1.0" },
      },
      { publisher: { name: "acme", displayName: "Acme", verified: true } },
    ),
  );
  await writeSearchDoc(
    env.SEARCH,
    sampleListing({ name: "@beta/hello", engines: { "rising-bsm": ">=3.0.0" } }),
  );
});

test("facets count the whole catalogue, on an unfiltered first page only", async () => {
  const { facets, nextCursor } = await get("?limit=2");
  expect(facets).toMatchObject({
    category: { appointments: 1, communication: 1, finance: 1 },
    permission: { "customers.view": 2, "customers.edit": 1, network: 1 },
    price: { free: 2, paid: 1 },
    license: { MIT: 2, "Apache-2.0": 1 },
    host: { 0: 1, 1: 1, 2: 2, 3: 2, 4: 2, 19: 2 },
    verified: { true: 1 },
  });
  expect((await get(`?limit=2&cursor=${nextCursor}`)).facets).toBeUndefined();
  expect((await get("?price=free")).facets).toBeUndefined();
  expect((await get("?q=invoice")).facets).toBeUndefined();
});

test("each is a filter that finds as many", async () => {
  const { facets = {} } = await get("");
  expect(Object.keys(facets)).toEqual(KINDS);
  for (const [kind, values] of Object.entries(facets)) {
    for (const [value, count] of Object.entries(values)) {
      const { items } = await get(`?${kind}=${value}`);
      expect([kind, value, items.length]).toEqual([kind, value, count]);
    }
  }
});

test("every kind is there, also where nothing is counted", async () => {
  await removeSearchDoc(env.SEARCH, "@acme/invoices");
  await removeSearchDoc(env.SEARCH, "@acme/reminders");
  const { facets } = await get("");
  expect(facets).toMatchObject({ category: {}, permission: {}, price: { free: 1 }, license: {} });
  expect(facets).toMatchObject({ host: { 3: 1 }, verified: {} });
  expect(facets?.["host"]?.["2"]).toBeUndefined();
});

test("they follow a change and a removal", async () => {
  const changed = { name: "@beta/hello", categories: ["team" as const] };
  await writeSearchDoc(env.SEARCH, sampleListing(changed, { paid: true }));
  await removeSearchDoc(env.SEARCH, "@acme/invoices");
  const { facets } = await get("");
  expect(facets?.["price"]).toEqual({ free: 1, paid: 1 });
  expect(facets?.["category"]).toEqual({ appointments: 1, communication: 1, team: 1 });
  expect(facets?.["host"]).toMatchObject({ 0: 1, 1: 1, 2: 2, 3: 1 });
});

test("a plugin for any version, or for every later one, is one count of hosts", async () => {
  const counts = env.SEARCH.prepare(
    "SELECT name, count(*) AS hosts FROM docs, json_each(facets) WHERE value LIKE 'host:%' GROUP BY name",
  );
  expect((await counts.all()).results).toEqual([
    { name: "@acme/invoices", hosts: 1 },
    { name: "@acme/reminders", hosts: 2 },
    { name: "@beta/hello", hosts: 1 },
  ]);
});
