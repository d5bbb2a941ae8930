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

test("a page of the largest listings is written", async () => {
  const large = "Für alle – ".repeat(5_000);
  const names = Array.from({ length: 100 }, (_, at) => `@large/plugin-${at}`);
  await writeCatalogue(
    env.SEARCH,
    names.map((name) => named(name, large)),
  );
  expect(Object.keys(await ids())).toEqual(expect.arrayContaining(names));
});
