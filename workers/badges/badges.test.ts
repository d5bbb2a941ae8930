import { env } from "cloudflare:workers";
import { assert, property, string } from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { elementsOf, parseXml, textOf } from "../sample-xml.ts";
import { writeSearchDoc } from "../search/index-plugin.ts";
import { sampleListing } from "../search/sample-catalogue.ts";
import { counting } from "../testing-bindings.ts";
import { call, refusal, resetMarketplace } from "../testing.ts";
import { drawBadge } from "./draw-badge.ts";

beforeAll(async () => {
  await resetMarketplace();
  const publisher = { name: "acme", displayName: "Acme", verified: true };
  await writeSearchDoc(
    env.SEARCH,
    sampleListing({ name: "@acme/hello", version: "1.2.3" }, { publisher }),
  );
  await writeSearchDoc(env.SEARCH, sampleListing({ name: "@acme/gone" }, { yanked: "Broken" }));
  await env.SEARCH.exec(
    "UPDATE docs SET downloads = 12345, rating = 4.5 WHERE name = '@acme/hello'",
  );
});

async function titleOf(path: string): Promise<string> {
  const answer = await call(path);
  expect([path, answer.status]).toEqual([path, 200]);
  return textOf(elementsOf(parseXml(await answer.text()), "title")[0]);
}

test.each([
  ["@acme/hello/version.svg", "Rising-BSM: v1.2.3"],
  ["@acme/hello/downloads.svg", "downloads: 12,345"],
  ["@acme/hello/downloads.svg?lang=de", "Downloads: 12.345"],
  ["@acme/hello/rating.svg?lang=de", "Bewertung: 4,5 / 5"],
  ["@acme/hello/verified.svg", "Publisher: verified"],
  ["@acme/gone/version.svg", "Rising-BSM: Withdrawn"],
  ["@acme/gone/rating.svg", "rating: –"],
  ["@acme/gone/verified.svg?lang=de", "Anbieter: nicht verifiziert"],
])("/badge/%s says %s", async (path, title) => {
  expect(await titleOf(`/badge/${path}`)).toBe(title);
});

test("a badge can be shown anywhere, runs nothing, and is kept under its tag", async () => {
  const { bindings, count } = counting(env);
  const path = "/badge/@acme/hello/version.svg";
  await call(path, {}, bindings);
  count.rowsRead = 0;
  const { headers } = await call(path, {}, bindings);
  expect(count.rowsRead).toBeLessThanOrEqual(2);
  expect(Object.fromEntries(headers)).toMatchObject({
    "content-type": "image/svg+xml; charset=utf-8",
    "content-security-policy": "default-src 'none'; sandbox",
    "access-control-allow-origin": "*",
    "x-content-type-options": "nosniff",
    "cache-control": expect.stringMatching(/^public/),
  });
  const known = { headers: { "If-None-Match": headers.get("etag") ?? "" } };
  expect((await call(path, known)).status).toBe(304);
});

test("there is none of a plugin that is not listed, nor of anything else", async () => {
  const missing = await call("/badge/@acme/nothing/version.svg");
  expect(await refusal(missing)).toEqual([404, "plugin_not_found"]);
  expect((await call("/badge/@acme/hello/secrets.svg")).status).toBe(400);
});

describe("drawBadge()", () => {
  test("gives well-formed SVG that loads and runs nothing, whatever the texts", () => {
    assert(
      property(string({ unit: "binary" }), string({ unit: "binary" }), (label, value) => {
        const root = parseXml(drawBadge({ label, value, tone: "good" }));
        const names = new Set<string>();
        const attributes = new Set<string>();
        for (const name of ["svg", "title", "rect", "path", "g", "text"]) {
          for (const element of elementsOf(root, name)) {
            names.add(element.name);
            for (const key of Object.keys(element.attributes)) attributes.add(key);
          }
        }
        expect(names.size).toBe(6);
        expect([...attributes].filter((key) => /^on|href|style|src/.test(key))).toEqual([]);
        expect(Number(root.attributes["width"])).toBeLessThan(1_000);
      }),
      { numRuns: 300 },
    );
  });
});
