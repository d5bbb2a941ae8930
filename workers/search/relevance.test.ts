import { env } from "cloudflare:workers";
import { beforeAll, expect, test } from "vitest";
import { resetMarketplace } from "../testing.ts";
import { searchDocStatement } from "./index-plugin.ts";
import { judgedCatalogue, judgedQueries } from "./judged-catalogue.ts";
import { readSearchParams } from "./read-request.ts";
import { SAMPLE_NOW } from "./sample-catalogue.ts";
import { searchPlugins } from "./search-plugins.ts";
import type { SearchPage } from "./search-page.ts";

const MIN_RECALL = 0.95;
const MIN_FIRST = 0.85;

const names: string[] = [];

beforeAll(async () => {
  await resetMarketplace();
  const statements = [...judgedCatalogue()].map(({ listing, counts }) => {
    names.push(listing.name);
    return searchDocStatement(env.SEARCH, listing, counts);
  });
  await env.SEARCH.batch(statements);
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
