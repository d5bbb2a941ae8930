import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openHost } from "../host-sdk/testing/host-fixture.ts";
import { type PublishedMarketplace, startPublishedMarketplace } from "./published-marketplace.ts";

let home: string;
let market: PublishedMarketplace;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "rbsm-log-"));
  market = await startPublishedMarketplace(home);
});
afterAll(async () => {
  await market.worker.harness.close();
  await rm(home, { recursive: true });
});

test("what a publisher does stands in the log, which verifies down to every statement", async () => {
  await market.publish("@acme/hello", "1.0.0");
  await market.publish("@acme/hello", "1.1.0");
  await market.cli("yank", "@acme/hello@1.0.0", "--reason", "broken");
  const at = ["--root", market.rootFile];
  const verified = await market.cli("log", "verify", "--deep", ...at);
  expect(verified).toMatchObject({ ok: true, from: 0, releases: 2, statements: 2 });
  const watched = await market.cli("log", "watch", "--publisher", "acme", "--once", ...at);
  const types = ["owner", "key-add", "release", "release", "yank"];
  expect(watched["events"]).toEqual(types.map((type) => expect.objectContaining({ type })));
  await market.publish("@acme/hello", "1.2.0");
  const next = await market.cli("log", "watch", "--publisher", "acme", "--once", ...at);
  expect(next["events"]).toEqual([
    expect.objectContaining({ type: "release", plugin: "@acme/hello", version: "1.2.0" }),
  ]);
  expect(await market.cli("log", "verify", "--from", "last", ...at)).toMatchObject({ releases: 1 });
});

test("a mirror of the Worker is a marketplace, and vouches for a file", async () => {
  await market.publish("@acme/mirrored", "1.0.0");
  const folder = join(home, "mirror");
  const at = ["--root", market.rootFile];
  const mirrored = await market.cli("mirror", folder, "@acme/mirrored", "--with-log", ...at);
  expect(mirrored).toMatchObject({ releases: [{ plugin: "@acme/mirrored", bundle: true }] });
  const host = await openHost({
    url: folder,
    root: await readFile(market.rootFile),
    dataDir: join(home, "host"),
  });
  const installed = await host.install("@acme/mirrored", { grant: "requested" });
  expect(installed.version).toBe("1.0.0");
  await host.close();
  expect(await market.cli("log", "verify", "--url", folder, ...at)).toMatchObject({ ok: true });
});
