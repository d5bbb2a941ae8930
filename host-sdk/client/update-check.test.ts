import { afterEach, beforeEach, expect, test } from "vitest";
import { createHostFixture, type HostFixture } from "../testing/host-fixture.ts";

const PLUGINS = 100;

let fixture: HostFixture;
beforeEach(async () => {
  fixture = await createHostFixture();
});
afterEach(() => fixture.close());

test("a host with a hundred plugins asks one conditional request when nothing is new", async () => {
  const { market } = fixture;
  const names = Array.from({ length: PLUGINS }, (_, at) => `@acme/plugin-${at}`);
  const [first = "", second = "", ...others] = names;
  for (const name of others) await market.publish({ name, version: "1.0.0" });
  // A manifest lists no more than fifty.
  const needs = (of: string[]) => Object.fromEntries(of.map((name) => [name, "^1.0.0"]));
  const half = others.length / 2;
  await market.publish({ name: second, version: "1.0.0", dependencies: needs(others.slice(half)) });
  const dependencies = needs([second, ...others.slice(0, half)]);
  await market.publish({ name: first, version: "1.0.0", dependencies });
  const host = await fixture.open({ updateCheckMs: 0 });
  await host.install(first, { grant: "requested" });
  expect(host.plugins()).toHaveLength(PLUGINS);
  const conditions: (string | undefined)[] = [];
  market.intercept((request) => {
    conditions.push(request.headers["if-none-match"]);
    return false;
  });
  const asked = market.requests.length;
  expect(await host.checkForUpdates()).toEqual([]);
  expect(market.requests.slice(asked)).toEqual(["/tuf/timestamp.json"]);
  expect(conditions).toEqual([expect.stringMatching(/^"[0-9a-f]{64}"$/)]);
}, 60_000);
