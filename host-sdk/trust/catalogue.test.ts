import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { documentPath, shardTarget, utf8 } from "@rising-bsm/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createMarketplace } from "../client/marketplace.ts";
import { codeOf, HELLO } from "../testing/expectations.ts";
import { startStaticMarketplace, type StaticMarketplace } from "../testing/static-marketplace.ts";
import { sha256Of } from "../testing/tuf-repository.ts";
import { openTargetFolder } from "./target-folder.ts";
import { openTrust, type Trust } from "./trust.ts";

let market: StaticMarketplace;
let dataDir: string;
let trust: Trust;
beforeEach(async () => {
  market = await startStaticMarketplace();
  dataDir = await mkdtemp(join(tmpdir(), "rbsm-catalogue-"));
  const marketplace = createMarketplace({ url: market.url, backOffMs: 1 });
  trust = await openTrust({ dataDir, root: market.root, marketplace, now: () => new Date() });
});
afterEach(async () => {
  await market.close();
  await rm(dataDir, { recursive: true, force: true });
});

test("a document that is listed and not served, or served otherwise, is refused", async () => {
  await market.publish({ name: HELLO, version: "1.0.0" });
  const path = [...market.files.keys()].find((one) =>
    /\/index\/@acme\/hello\/[0-9a-f]{64}/.test(one),
  );
  const bytes = market.files.get(path ?? "") ?? new Uint8Array();
  market.files.set(
    path ?? "",
    Buffer.from(Buffer.from(bytes).toString().replace('"name":"acme"', '"name":"evil"')),
  );
  const catalogue = await trust.refresh();
  expect(await codeOf(catalogue.document(HELLO))).toBe("trust_metadata_invalid");
  market.files.delete(path ?? "");
  expect(await codeOf(catalogue.document(HELLO))).toBe("network_bad_answer");
  market.files.set(path ?? "", bytes);
  expect(await codeOf(catalogue.document(HELLO))).toBe("ok");
  expect(path).toMatch(documentPath(HELLO, "").replace(".json", ""));
});

test("clearing up beside downloads disturbs neither", async () => {
  const bodies = Array.from({ length: 40 }, (_, at) => utf8(`file ${at}`.padEnd(50_000)));
  const listed = bodies.map((bytes, at) => {
    market.files.set(`/many/${at}`, bytes);
    const sha256 = sha256Of(bytes);
    return { what: `file ${at}`, path: `/many/${at}`, sha256, maxBytes: bytes.length };
  });
  const folder = await openTargetFolder(dataDir, createMarketplace({ url: market.url }));
  const clearing = (async () => {
    for (let times = 0; times < 300; times++) await folder.keepOnly(new Set());
  })();
  const [bytes] = await Promise.all([
    Promise.all(listed.map((file) => folder.read(file))),
    clearing,
  ]);
  expect(bytes.map(({ length }) => length)).toEqual(bodies.map(({ length }) => length));
  await folder.keepOnly(new Set());
  expect((await readdir(join(dataDir, "trust"))).length).toBe(0);
});

test("a shard that is none hides its own plugins only, and no later refresh fails over it", async () => {
  await market.publish({ name: HELLO, version: "1.0.0" });
  market.tuf.set(await shardTarget(HELLO), utf8("no JSON"));
  await market.resign();
  expect(await codeOf((await trust.refresh()).document(HELLO))).toBe("trust_metadata_invalid");
  market.advise({
    id: "RBSA-1",
    match: { plugin: HELLO, versions: "*" },
    action: "warn",
    reason: "It reads what it should not.",
    issuedAt: "2026-11-01T00:00:00Z",
  });
  expect((await trust.check()).catalogue.advisories.entries).toHaveLength(1);
  market.editDocument(HELLO, (document) => document);
  expect((await (await trust.check()).catalogue.document(HELLO)).name).toBe(HELLO);
});

test("a shard that could not be read is asked for again", async () => {
  await market.publish({ name: HELLO, version: "1.0.0" });
  const catalogue = await trust.refresh();
  market.intercept((_request, response) => (response.writeHead(503).end(), true));
  expect(await codeOf(catalogue.document(HELLO))).toBe("unavailable");
  market.intercept(null);
  expect((await catalogue.document(HELLO)).name).toBe(HELLO);
});

test.each(["__proto__", "constructor", "@acme/none", "../x"])(
  "there is no plugin %s, although its shard is there",
  async (name) => {
    const shardOf = (one: string) => sha256Of(one).slice(0, 2);
    const numbers = Array.from({ length: 5_000 }, (_, i) => `@acme/p${i}`);
    const neighbour = numbers.find((one) => shardOf(one) === shardOf(name)) ?? HELLO;
    await market.publish({ name: neighbour, version: "1.0.0" });
    const catalogue = await trust.refresh();
    expect((await catalogue.document(neighbour)).name).toBe(neighbour);
    expect(await codeOf(catalogue.document(name))).toBe("plugin_not_found");
    expect(market.requests).toContainEqual(expect.stringMatching(`.${shardOf(name)}.json`));
  },
);
