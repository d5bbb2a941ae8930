import { env } from "cloudflare:workers";
import { pluginPageSchema } from "@rising-bsm/protocol";
import type { PluginPage } from "@rising-bsm/protocol";
import * as fc from "fast-check";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { call, refusal, resetMarketplace } from "../testing.ts";
import { removeSearchDoc, writeSearchDoc } from "./index-plugin.ts";
import type { SearchReader } from "./queries.ts";
import { readSearchParams } from "./read-request.ts";
import { SAMPLE_NOW, sampleListing } from "./sample-catalogue.ts";
import { listNamed } from "./relevance-queries.ts";
import { searchPlugins } from "./search-plugins.ts";

async function get(query: string): Promise<PluginPage> {
  const response = await call(`/v1/plugins${query}`);
  expect(response.status).toBe(200);
  return pluginPageSchema.parse(await response.json());
}

async function names(query: string): Promise<string[]> {
  return (await get(query)).items.map(({ name }) => name);
}

async function refused(query: string): Promise<[number, string]> {
  return refusal(await call(`/v1/plugins${query}`));
}

beforeAll(resetMarketplace);

beforeEach(async () => {
  await env.SEARCH.prepare("DELETE FROM docs").run();
});

describe("a catalogue of three", () => {
  beforeEach(async () => {
    await writeSearchDoc(
      env.SEARCH,
      sampleListing(
        {
          name: "@acme/invoices",
          displayName: { en: "Invoice Export", de: "Rechnungsexport" },
          description: {
            en: "Exports to your accountant",
            de: "Für Ihre Steuerberatung, Schlüsselübergabe",
          },
          categories: ["finance"],
          keywords: ["tax"],
          permissions: [{ code: "customers.view", optional: false }],
          network: ["api.example.com"],
          pricing: {
            plans: [
              {
                id: "year",
                kind: "subscription",
                price: { amount: 90, currency: "EUR" },
                period: "year",
              },
              {
                id: "month",
                kind: "subscription",
                price: { amount: 9, currency: "EUR" },
                period: "month",
              },
            ],
          },
        },
        { paid: true, createdAt: SAMPLE_NOW - 3_000, updatedAt: SAMPLE_NOW },
      ),
    );
    await writeSearchDoc(
      env.SEARCH,
      sampleListing(
        {
          name: "@acme/reminders",
          displayName: "Reminders",
          description: "Appointment reminders, and an invoice reminder",
          categories: ["appointments", "communication"],
          permissions: [
            { code: "appointments.view", optional: false },
            { code: "customers.view", optional: false },
            { code: "customers.edit", optional: false },
          ],
          engines: { "rising-bsm": "^2.1.0" },
        },
        {
          publisher: { name: "acme", displayName: "Acme", verified: true },
          createdAt: SAMPLE_NOW - 2_000,
          updatedAt: SAMPLE_NOW - 2_000,
        },
      ),
    );
    await writeSearchDoc(
      env.SEARCH,
      sampleListing(
        {
          name: "@beta/hello",
          displayName: "Hello",
          description: "Says hello. perm_customers_view _price_paid",
        },
        { createdAt: SAMPLE_NOW - 1_000, updatedAt: SAMPLE_NOW - 1_000 },
      ),
    );
  });

  test.each([
    ["?sort=new", ["@beta/hello", "@acme/reminders", "@acme/invoices"]],
    ["?sort=updated", ["@acme/invoices", "@beta/hello", "@acme/reminders"]],
    ["?category=finance", ["@acme/invoices"]],
    ["?sort=new&category=finance&category=appointments", ["@acme/reminders", "@acme/invoices"]],
    ["?permission=customers.view&permission=customers.edit", ["@acme/reminders"]],
    ["?permission=customers.view&permission=!customers.edit", ["@acme/invoices"]],
    ["?permission=!customers.view", ["@beta/hello"]],
    ["?permission=network", ["@acme/invoices"]],
    ["?permission=network:api.example.com", ["@acme/invoices"]],
    ["?permission=network:api-example.com", []],
    ["?sort=new&permission=!network", ["@beta/hello", "@acme/reminders"]],
    ["?permission=customers.write", []],
    ["?permission=customers.read&permission=!network", ["@acme/reminders"]],
    ["?price=paid", ["@acme/invoices"]],
    ["?verified=true", ["@acme/reminders"]],
    ["?sort=new&verified=false", ["@beta/hello", "@acme/invoices"]],
    ["?sort=new&host=2.0", ["@beta/hello", "@acme/invoices"]],
    ["?sort=new&host=2", ["@beta/hello", "@acme/reminders", "@acme/invoices"]],
    ["?sort=new&host=3", ["@beta/hello", "@acme/invoices"]],
    ["?sort=new&host=2.1.7-beta.1", ["@beta/hello", "@acme/reminders", "@acme/invoices"]],
    ["?q=invoice", ["@acme/invoices", "@acme/reminders"]],
    ["?q=inv", ["@acme/invoices", "@acme/reminders"]],
    ["?q=invoice&price=free", ["@acme/reminders"]],
    ["?q=invoice&sort=new", ["@acme/reminders", "@acme/invoices"]],
    ["?q=invoice%20reminder", ["@acme/reminders"]],
    ["?q=@beta/hello", ["@beta/hello"]],
    ["?q=SCHLUESSELUEBERGABE", ["@acme/invoices"]],
    ["?q=schlussel", ["@acme/invoices"]],
    ["?q=Schlüssel", ["@acme/invoices"]],
    ["?q=hello%20tax", ["@beta/hello", "@acme/invoices"]],
    ["?q=%20%20&sort=new&limit=1", ["@beta/hello"]],
    ["?q=!!!", []],
    [
      "?q=invoice&category=&permission=&license=&price=&host=&verified=&sort=&cursor=&limit=",
      ["@acme/invoices", "@acme/reminders"],
    ],
    ["?q=&category=&category=finance&sort=&sort=new", ["@acme/invoices"]],
    [
      "?sort=new&permission=&permission=customers.view&permission=!network&permission=",
      ["@acme/reminders"],
    ],
    ["?q=_price_paid", ["@beta/hello"]],
    ["?q=_all", []],
    ["?q=nothing-like-this", []],
  ])("GET /v1/plugins%s finds %j", async (query, expected) => {
    expect(await names(query)).toEqual(expected);
  });

  test("an item has the fields of the contract", async () => {
    expect((await get("?q=invoices")).items[0]).toMatchObject({
      name: "@acme/invoices",
      displayName: { en: "Invoice Export", de: "Rechnungsexport" },
      version: "1.0.0",
      publisher: "acme",
      verified: false,
      rating: null,
      downloads: 0,
      permissions: ["customers.view"],
      price: { amount: 9, currency: "EUR", period: "month" },
      updatedAt: new Date(SAMPLE_NOW).toISOString(),
    });
  });

  test("a misspelt word is answered with the one that was meant", async () => {
    expect((await get("?q=remidners")).didYouMean).toBe("reminders");
    expect((await get("?q=Rechnugnsexport")).didYouMean).toBe("rechnungsexport");
    expect((await get("?q=remidners&sort=new")).didYouMean).toBe("reminders");
    expect((await get("?q=reminders")).didYouMean).toBeUndefined();
    const long = await get(`?q=${"remidners%20".repeat(1_000)}`);
    expect(long.didYouMean).toBe(Array(10).fill("reminders").join(" "));
  });

  test("a correction is not offered when the filters leave nothing of it", async () => {
    expect((await get("?q=remidners&category=finance")).didYouMean).toBeUndefined();
  });

  test("an older listing does not replace a newer one", async () => {
    await writeSearchDoc(
      env.SEARCH,
      sampleListing({ name: "@acme/invoices", version: "0.9.0" }, { updatedAt: SAMPLE_NOW - 1 }),
    );
    expect((await get("?q=tax")).items[0]).toMatchObject({ version: "1.0.0" });
  });

  test("writing the same listing again changes nothing", async () => {
    const before = await get("");
    await writeSearchDoc(env.SEARCH, sampleListing({ name: "@beta/again" }));
    await writeSearchDoc(env.SEARCH, sampleListing({ name: "@beta/again" }));
    await removeSearchDoc(env.SEARCH, "@beta/again");
    await removeSearchDoc(env.SEARCH, "@beta/again");
    expect(await get("")).toEqual(before);
  });

  test("a deprecated plugin is found after everything else", async () => {
    await writeSearchDoc(
      env.SEARCH,
      sampleListing(
        { name: "@old/invoice", displayName: "Invoice" },
        { deprecated: "Use @acme/invoices" },
      ),
    );
    expect((await names("?q=invoice")).at(-1)).toBe("@old/invoice");
  });

  test("a plugin that says nothing of itself is found after everything else, but by its name", async () => {
    const empty = { displayName: "Invoice list", categories: ["finance" as const] };
    await writeSearchDoc(env.SEARCH, sampleListing({ name: "@empty/lists", ...empty }));
    await env.SEARCH.exec("UPDATE docs SET downloads = 90000 WHERE name = '@empty/lists'");
    expect((await names("?q=invoice")).at(-1)).toBe("@empty/lists");
    expect(await names("?q=finance")).toEqual(["@acme/invoices", "@empty/lists"]);
    for (const q of ["invoice list", "lists", "@empty/lists", "Invoicelist"]) {
      expect([q, (await names(`?q=${encodeURIComponent(q)}`))[0]]).toEqual([q, "@empty/lists"]);
    }
    const said = sampleListing({ name: "@empty/lists", ...empty, keywords: ["bills"] });
    await writeSearchDoc(env.SEARCH, said);
    expect((await names("?q=invoice"))[0]).toBe("@empty/lists");
  });

  test("signs are words that no plugin has", async () => {
    for (const query of [
      "?q=%20!!!%20%F0%9F%8E%89",
      "?q=!!!%20%F0%9F%8E%89&category=finance&sort=new",
    ]) {
      expect(await get(query)).toEqual({
        items: [],
        nextCursor: null,
        prevCursor: null,
        help: { withoutWords: ["!!!", "🎉"], withoutFilters: [] },
      });
    }
  });

  test("a cursor is good for its own query only", async () => {
    const { nextCursor } = await get("?sort=new&limit=1");
    expect(await names(`?sort=new&limit=5&cursor=${nextCursor}`)).toEqual([
      "@acme/reminders",
      "@acme/invoices",
    ]);
    expect(await refused(`?sort=updated&limit=1&cursor=${nextCursor}`)).toEqual([
      400,
      "cursor_invalid",
    ]);
    expect(await refused(`?sort=new&price=free&cursor=${nextCursor}`)).toEqual([
      400,
      "cursor_invalid",
    ]);
    const ranked = (await get("?q=invoice&limit=1")).nextCursor;
    expect(await names(`?q=invoice&cursor=${ranked}`)).toEqual(["@acme/reminders"]);
    expect(await refused(`?q=reminder&cursor=${ranked}`)).toEqual([400, "cursor_invalid"]);
    expect(await refused("?q=!!!&cursor=garbage")).toEqual([400, "cursor_invalid"]);
    expect(await refused(`?q=!!!&sort=new&cursor=${nextCursor}`)).toEqual([400, "cursor_invalid"]);
  });

  test("of many plugins with one name those are candidates that the filters leave", async () => {
    for (let at = 0; at < 12; at++) {
      const categories = [at < 11 ? ("team" as const) : ("finance" as const)];
      const named = { name: `@p${at}/same-name`, displayName: "Same name", categories };
      await writeSearchDoc(env.SEARCH, sampleListing(named));
    }
    const found = await listNamed(env.SEARCH, ["same name"], '"_cat_finance"');
    expect(found.map(({ nameWords }) => nameWords)).toEqual(["p11 same name"]);
  });

  test("a later page of a ranking shows no plugin that its filters keep away by now", async () => {
    const { nextCursor } = await get("?q=invoice&permission=!network:x&limit=1");
    const changed = sampleListing({ name: "@acme/reminders", network: ["x"] });
    await writeSearchDoc(env.SEARCH, changed);
    expect(await names(`?q=invoice&permission=!network:x&cursor=${nextCursor}`)).toEqual([]);
  });

  test("a later page of a ranking shows no plugin that took the place of one that is gone", async () => {
    await writeSearchDoc(env.SEARCH, sampleListing({ name: "@last/invoice-list" }));
    const { nextCursor } = await get("?q=invoice&limit=1");
    expect(await names(`?q=invoice&cursor=${nextCursor}`)).toContain("@last/invoice-list");
    await removeSearchDoc(env.SEARCH, "@last/invoice-list");
    await writeSearchDoc(env.SEARCH, sampleListing({ name: "@new/weather" }));
    expect(await names(`?q=invoice&cursor=${nextCursor}`)).not.toContain("@new/weather");
  });

  test("a cursor that a replica does not know yet is asked of the primary", async () => {
    const behind = (sql: string) => ({
      bind: (...values: (string | number)[]) => ({
        all: async () => {
          const { results } = await env.SEARCH.prepare(sql)
            .bind(...values)
            .all<{ epoch?: number }>();
          return { results: results.map((row) => ({ ...row, epoch: (row.epoch ?? 0) - 1 })) };
        },
      }),
    });
    const ask = (query: string, search: SearchReader) => {
      const cursorSecret = new Uint8Array(32);
      const context = { search, primary: () => env.SEARCH, cursorSecret, now: SAMPLE_NOW };
      return searchPlugins(context, readSearchParams(new URLSearchParams(query)));
    };
    const { nextCursor } = await ask("sort=new&limit=1", env.SEARCH);
    const next = await ask(`sort=new&limit=1&cursor=${nextCursor}`, { prepare: behind });
    expect(next.cards.map(({ name }) => name)).toEqual(["@acme/reminders"]);
  });

  test.each([
    "x",
    "a.b",
    "é.é",
    `${"A".repeat(10)}.${"A".repeat(43)}`,
    "A".repeat(5_000),
    "/w.AAAA",
  ])("the cursor %j is refused", async (cursor) => {
    expect(await refused(`?cursor=${encodeURIComponent(cursor)}`)).toEqual([400, "cursor_invalid"]);
  });

  test("an altered cursor is refused", async () => {
    const cursor = (await get("?limit=1")).nextCursor ?? "";
    for (let at = 0; at < cursor.length; at++) {
      const altered = cursor.slice(0, at) + (cursor[at] === "A" ? "B" : "A") + cursor.slice(at + 1);
      expect(await refused(`?limit=1&cursor=${altered}`)).toEqual([400, "cursor_invalid"]);
    }
  });

  test.each([
    "?limit=0",
    "?limit=101",
    "?limit=-1",
    "?limit=1.5",
    "?limit=ten",
    "?limit=1&limit=2",
    "?sort=size",
    "?price=cheap",
    "?verified=maybe",
    "?host=latest",
    "?category=Not%20a%20slug",
    "?permission=!!x",
    `?${"category=x&".repeat(21)}`,
    "?q=a&q=b",
  ])("GET /v1/plugins%s is refused", async (query) => {
    expect(await refused(query)).toEqual([400, "request_invalid"]);
  });

  test("any text of any length is answered, never an error of ours", async () => {
    const operators = fc.constantFrom(
      '"',
      "'",
      "*",
      "NEAR(",
      ")",
      "AND",
      "OR",
      "NOT",
      "^",
      ":",
      "{",
      "-",
      "\0",
      "name:",
    );
    const text = fc.oneof(
      fc.string({ unit: "binary", maxLength: 40 }),
      fc
        .array(fc.oneof(operators, fc.string({ maxLength: 5 })), { maxLength: 20 })
        .map((parts) => parts.join(" ")),
      fc.constantFrom(
        "a ".repeat(5_000),
        "ä".repeat(10_000),
        '"'.repeat(10_000),
        "日本語 テスト",
        "👩‍👩‍👧‍👦 ZWJ",
        "𞤀foo𞤀bar",
      ),
    );
    const sort = fc.constantFrom("relevance", "new");
    await fc.assert(
      fc.asyncProperty(text, sort, async (q, sort) => {
        const query = new URLSearchParams({ q: q.toWellFormed(), sort, permission: "!network" });
        const response = await call(`/v1/plugins?${query.toString()}`);
        expect(response.status).toBe(200);
      }),
      { numRuns: 150 },
    );
  });

  test("an answer may be cached briefly, a refusal not at all", async () => {
    const found = await call("/v1/plugins");
    expect(found.headers.get("Cache-Control")).toContain("max-age=60");
    const refused = await call("/v1/plugins?limit=0");
    expect(refused.headers.get("Cache-Control")).toBe("no-store");
  });
});

test("an empty catalogue is an empty page", async () => {
  expect(await get("")).toEqual({
    items: [],
    nextCursor: null,
    prevCursor: null,
    facets: { category: {}, permission: {}, price: {}, license: {}, host: {}, verified: {} },
  });
  expect(await get("?q=anything")).toEqual({
    items: [],
    nextCursor: null,
    prevCursor: null,
  });
});
