import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { PluginHost } from "../host-sdk/host.ts";
import { openHost } from "../host-sdk/testing/host-fixture.ts";
import { type PublishedMarketplace, startPublishedMarketplace } from "./published-marketplace.ts";

const HELLO = "@acme/hello";
const PAGES = ["/v1/plugins?q=hello", `/v1/plugins/${HELLO}`, `/plugins/${HELLO}?lang=de`, "/"];

let home: string;
let market: PublishedMarketplace;
let host: PluginHost;
let before: string[];
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "rbsm-degraded-"));
  market = await startPublishedMarketplace(home);
  await market.publish(HELLO, "1.0.0");
  const root = await readFile(market.rootFile);
  host = await openHost({ url: market.url, root, dataDir: join(home, "host"), updateCheckMs: 0 });
  await host.install(HELLO, { grant: "requested" });
  await market.publish(HELLO, "1.1.0");
  await market.publish("@acme/other", "1.0.0");
  before = await Promise.all(PAGES.map(async (path) => (await ask(path)).text()));
  await breakDatabases();
});
afterAll(async () => {
  await host.close();
  await market.worker.harness.close();
  await rm(home, { recursive: true });
});

function ask(path: string): Promise<Response> {
  return fetch(market.url + path, { headers: { "Accept-Language": "en" } });
}

/** From here on no query of what is public finds its tables. */
async function breakDatabases(): Promise<void> {
  const { DB, SEARCH } = await market.worker.marketplace.getEnv();
  for (const table of ["plugins", "versions", "publishers", "scopes"]) {
    await DB.prepare(`ALTER TABLE ${table} RENAME TO gone_${table}`).run();
  }
  await SEARCH.prepare("ALTER TABLE docs RENAME TO gone_docs").run();
}

test("without its databases the marketplace still updates hosts, and installs what they have not", async () => {
  expect(await host.checkForUpdates()).toMatchObject([{ plugin: HELLO, to: "1.1.0" }]);
  await host.update(HELLO, { acceptGrants: true });
  expect(await host.call(HELLO, "version")).toBe("1.1.0");
  await host.install("@acme/other", { grant: "requested" });
  expect(await host.call("@acme/other", "version")).toBe("1.0.0");
});

test("without its databases the marketplace answers pages as they were, and nothing it never had", async () => {
  for (const [at, path] of PAGES.entries()) {
    const page = await ask(path);
    expect([path, page.status, await page.text()]).toEqual([path, 200, before[at]]);
    expect(page.headers.get("Cache-Status")).toContain("fwd=stale");
  }
  const other = await ask("/v1/plugins?q=never-asked");
  expect(other.status).toBeGreaterThanOrEqual(500);
  expect(other.headers.get("Cache-Control")).toBe("no-store");
  expect((await ask("/health")).status).toBe(200);
});
