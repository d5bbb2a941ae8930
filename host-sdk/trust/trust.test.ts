import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createMarketplace } from "../client/marketplace.ts";
import { codeOf } from "../testing/expectations.ts";
import { startStaticMarketplace, type StaticMarketplace } from "../testing/static-marketplace.ts";
import { openTrust } from "./trust.ts";

let market: StaticMarketplace;
let dataDir: string;
beforeEach(async () => {
  market = await startStaticMarketplace();
  dataDir = await mkdtemp(join(tmpdir(), "rbsm-trust-"));
});
afterEach(async () => {
  await market.close();
  await rm(dataDir, { recursive: true, force: true });
});

function open(root: Uint8Array = market.root) {
  const marketplace = createMarketplace({ url: market.url, backOffMs: 1, idleMs: 200 });
  return openTrust({ dataDir, root, marketplace, now: () => new Date("2026-11-01T00:00:00Z") });
}

test("a refresh proves the service keys and keeps them for the time without a network", async () => {
  const trust = await open();
  expect(await trust.verified()).toBeNull();
  const { serviceKeys, refreshedAt } = await trust.refresh();
  expect(serviceKeys.release).toHaveLength(1);
  expect(refreshedAt).toBe("2026-11-01T00:00:00.000Z");
  expect(await trust.verified()).toEqual({ serviceKeys, refreshedAt });
});

test("refreshes at the same time do not disturb each other", async () => {
  const trust = await open();
  const refreshes = Array.from({ length: 8 }, () => trust.refresh());
  expect(await Promise.all(refreshes.map((refresh) => codeOf(refresh)))).toEqual(
    refreshes.map(() => "ok"),
  );
});

test("a new root signed by the old one's threshold is followed, and stays followed offline", async () => {
  await (await open()).refresh();
  const next = await market.rotateRoot("signers");
  await (await open()).refresh();
  market.files.delete("/tuf/2.root.json");
  await (await open()).refresh();
  await (await open(next)).refresh();
  expect(Buffer.from(next).equals(await readFile(join(dataDir, "tuf", "root.json")))).toBe(true);
});

test("a new root signed by others is refused", async () => {
  await (await open()).refresh();
  await market.rotateRoot("strangers");
  expect(await codeOf((await open()).refresh())).toMatch(/^trust_/);
});

test("a stored root that does not descend from the given one is refused", async () => {
  await (await open()).refresh();
  const next = await market.rotateRoot("strangers");
  market.files.delete("/tuf/2.root.json");
  await writeFile(join(dataDir, "tuf", "roots", "2.root.json"), next);
  expect(await codeOf((await open()).refresh())).toBe("trust_root_invalid");
});

test("an older timestamp than one already seen is refused", async () => {
  const old = market.files.get("/tuf/timestamp.json") ?? new Uint8Array();
  await market.resign(new Date(Date.now() + 60_000));
  await (await open()).refresh();
  market.files.set("/tuf/timestamp.json", old);
  expect(await codeOf((await open()).refresh())).toBe("trust_metadata_invalid");
});

test.each([
  ["/tuf/timestamp.json", 17_000],
  ["/tuf/2.root.json", 600_000],
])("%s over its limit is refused", async (path, size) => {
  market.files.set(path, Buffer.alloc(size, 32));
  expect(await codeOf((await open()).refresh())).toBe("network_bad_answer");
});

test("changed service keys are refused", async () => {
  const path = [...market.files.keys()].find((one) => one.endsWith("service-keys.json")) ?? "";
  const bytes = Buffer.from(market.files.get(path) ?? []);
  market.files.set(path, Buffer.from(bytes.toString().replace("2026-01", "2025-01")));
  expect(await codeOf((await open()).refresh())).toBe("trust_metadata_invalid");
});

test("a marketplace that stops sending is a timeout, one that is gone is unreachable", async () => {
  const trust = await open();
  market.intercept((request, response) => {
    if (request.url !== "/tuf/1.snapshot.json") return false;
    response.writeHead(200, { "content-length": 100 });
    response.write("{");
    return true;
  });
  expect(await codeOf(trust.refresh())).toBe("network_timeout");
  market.intercept(null);
  await trust.refresh();
  await market.close();
  expect(await codeOf(trust.refresh())).toBe("network_unreachable");
  expect(await codeOf(trust.refresh({ acceptStale: true }))).toBe("ok");
});
