import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { QUIET_ENV, run } from "../scripts/processes.ts";
import { startPublishedMarketplace } from "./published-marketplace.ts";
import type { PublishedMarketplace } from "./published-marketplace.ts";

let home: string;
let marketplace: PublishedMarketplace;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "rbsm-catalog-check-"));
  marketplace = await startPublishedMarketplace(home);
  await marketplace.publish("@acme/hello", "1.0.0");
});

afterAll(async () => {
  await marketplace.worker.harness.close();
  await rm(home, { recursive: true, force: true });
});

function catalogCheck(token: string, ...args: string[]) {
  const env = { ...QUIET_ENV, ADMIN_TOKEN: token };
  return run("node", ["scripts/catalog-check.ts", "--url", marketplace.url, ...args], env);
}

test("`catalog-check` names what is gone and exits with 1, and repairs it", async () => {
  const { BUNDLES } = await marketplace.worker.marketplace.getEnv();
  const intact = await catalogCheck(marketplace.adminToken, "--json");
  expect(JSON.parse(intact.stdout)).toMatchObject({ differences: [], ok: true });
  await BUNDLES.delete("index/@acme/hello/1.0.0.tlog-proof");
  const damaged = await catalogCheck(marketplace.adminToken);
  expect([damaged.code, damaged.stdout]).toEqual([
    1,
    expect.stringContaining("differs: proof of @acme/hello@1.0.0"),
  ]);
  const repaired = await catalogCheck(marketplace.adminToken, "--repair");
  expect([repaired.code, repaired.stdout]).toEqual([
    0,
    expect.stringContaining("repaired: proof of @acme/hello@1.0.0"),
  ]);
  expect((await catalogCheck(marketplace.adminToken)).code).toBe(0);
});

test("`catalog-check` is for the administrator", async () => {
  const answer = await catalogCheck("nobody");
  expect([answer.code, answer.output]).toEqual([1, expect.stringContaining("401")]);
});
