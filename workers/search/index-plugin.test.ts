import { env } from "cloudflare:workers";
import { beforeAll, expect, test } from "vitest";
import { resetMarketplace } from "../testing.ts";
import { removeSearchDoc, writeSearchDoc } from "./index-plugin.ts";
import { sampleListing, writeCatalogue } from "./sample-catalogue.ts";
import { NO_COUNTS } from "./counts.ts";

beforeAll(resetMarketplace);

async function ids(): Promise<Record<string, number>> {
  const { results } = await env.SEARCH.prepare("SELECT name, id FROM docs").all<{
    name: string;
    id: number;
  }>();
  return Object.fromEntries(results.map(({ name, id }) => [name, id]));
}

const named = (name: string, description = "Short") => ({
  listing: sampleListing({ name, description }),
  counts: NO_COUNTS,
});

test("plugins written at once get the next ids, those that are there keep theirs, none is given twice", async () => {
  await writeCatalogue(
    env.SEARCH,
    ["@a/one", "@a/two"].map((name) => named(name)),
  );
  const before = await ids();
  await removeSearchDoc(env.SEARCH, "@a/two");
  const again = ["@a/three", "@a/one", "@a/four"].map((name) => named(name));
  await writeCatalogue(env.SEARCH, again);
  await writeCatalogue(env.SEARCH, again);
  await writeSearchDoc(env.SEARCH, named("@a/five").listing);
  const last = before["@a/two"] ?? 0;
  expect(await ids()).toEqual({
    "@a/one": before["@a/one"],
    "@a/three": last + 1,
    "@a/four": last + 2,
    "@a/five": last + 3,
  });
});

test("when all ids are given, what is there is still written", async () => {
  const known = Object.keys(await ids());
  await env.SEARCH.exec("UPDATE search_state SET last_id = 1048575");
  await writeCatalogue(
    env.SEARCH,
    known.map((name) => named(name, "Changed")),
  );
  const { results } = await env.SEARCH.prepare("SELECT DISTINCT summary_words FROM docs").all();
  expect(results).toEqual([{ summary_words: "changed" }]);
  await env.SEARCH.exec("UPDATE search_state SET last_id = (SELECT max(id) FROM docs)");
});

test("listings that are too long for one statement are written", async () => {
  // Three bytes each, and two for an escape.
  const large = "日本語\n".repeat(5_000);
  const names = Array.from({ length: 100 }, (_, at) => `@large/plugin-${at}`);
  await writeCatalogue(
    env.SEARCH,
    names.map((name) => named(name, large)),
  );
  expect(Object.keys(await ids())).toEqual(expect.arrayContaining(names));
});
