import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { osvEntrySchema, reviewPageSchema } from "@rising-bsm/protocol";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { PluginHost } from "../host-sdk/host.ts";
import { codeOf } from "../host-sdk/testing/expectations.ts";
import { openHost } from "../host-sdk/testing/host-fixture.ts";
import { postJson } from "../scripts/demo/http.ts";
import { type PublishedMarketplace, startPublishedMarketplace } from "./published-marketplace.ts";

const HELLO = "@acme/hello";
const DAY_MS = 86_400_000;

let home: string;
let market: PublishedMarketplace;
let host: PluginHost;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "rbsm-reviews-"));
  market = await startPublishedMarketplace(home);
  await market.publish(HELLO, "1.0.0");
  const root = await readFile(market.rootFile);
  host = await openHost({ url: market.url, root, dataDir: join(home, "host"), updateCheckMs: 50 });
  await host.install(HELLO, { grant: "requested" });
});
afterAll(async () => {
  await host.close();
  await market.worker.harness.close();
  await rm(home, { recursive: true });
});

test("a host shows an advisory after one check for updates, as the list of OSV has it", async () => {
  const advisory = {
    match: { plugin: HELLO, versions: "<1.1.0" },
    action: "warn",
    reason: { en: "It loses data", de: "Es verliert Daten" },
  };
  const path = `${market.url}/v1/advisories/RBSA-2026-0001`;
  await postJson(path, advisory, { token: market.adminToken, method: "PUT" });
  await host.checkForUpdates();
  const { reason } = advisory;
  expect(host.plugin(HELLO)).toMatchObject({
    state: "active",
    advisories: [{ id: "RBSA-2026-0001", action: "warn", reason }],
  });
  const osv = osvEntrySchema.parse(await (await fetch(`${path}.osv.json`)).json());
  expect(osv.affected[0]?.ranges).toEqual([
    { type: "SEMVER", events: [{ introduced: "0" }, { fixed: "1.1.0" }] },
  ]);
});

test("a host reviews what it has reported for a day, and everybody sees it", async () => {
  const { DB } = await market.worker.marketplace.getEnv();
  // The host reports what it has by itself; that a day has passed since is said here.
  let id: unknown = null;
  while (id === null) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    id = await DB.prepare("SELECT instance_id AS id FROM beacons").first("id");
  }
  expect(await codeOf(host.review(HELLO, { rating: 5 }))).toBe("auth_not_held");
  const longAgo = Math.floor(Date.now() / DAY_MS) - 2;
  await DB.prepare("INSERT INTO installations VALUES (?, ?, '1.0.0', ?, 1)")
    .bind(id, HELLO, longAgo)
    .run();
  const review = await host.review(HELLO, { rating: 5, text: "Läuft", language: "de" });
  expect(await host.ownReview(HELLO)).toEqual(review);
  const listed = async () => {
    const answer = await fetch(`${market.url}/v1/plugins/${HELLO}/reviews`);
    return reviewPageSchema.parse(await answer.json());
  };
  expect(await listed()).toMatchObject({ summary: { ratings: 1, average: 5 }, items: [review] });
  await host.deleteReview(HELLO);
  expect(await listed()).toMatchObject({ summary: { ratings: 0, average: null }, items: [] });
});
