import { env } from "cloudflare:workers";
import { utf8 } from "@rising-bsm/protocol";
import { beforeEach, expect, test } from "vitest";
import { putPointer, textObject } from "./objects.ts";
import { refusingFastWrites } from "./testing-bindings.ts";
import { resetMarketplace } from "./testing.ts";

const KEY = "log/checkpoint";
const INTERVAL_MS = 1_000;

beforeEach(resetMarketplace);

const pointer = (order: number, text = `number ${order}`) => ({
  ...textObject(KEY, text, "pointer"),
  order,
});

async function stored(): Promise<string | undefined> {
  return (await env.BUNDLES.get(KEY))?.text();
}

test("one key is written at most once in an interval, whoever writes it", async () => {
  const { bucket, refused } = refusingFastWrites(env.BUNDLES, INTERVAL_MS);
  for (const order of [1, 2, 3]) await putPointer(bucket, pointer(order), INTERVAL_MS);
  expect(await stored()).toBe("number 3");
  expect(refused()).toBe(0);
});

test("a write that is refused for coming too soon is tried again until it is taken", async () => {
  const { bucket, refused } = refusingFastWrites(env.BUNDLES, INTERVAL_MS);
  for (const order of [1, 2]) await putPointer(bucket, pointer(order), 0);
  expect(await stored()).toBe("number 2");
  expect(refused()).toBeGreaterThan(0);
});

test("an older one never replaces a newer one, in whichever order they come", async () => {
  const all = [4, 1, 9, 3, 7].map((order) => putPointer(env.BUNDLES, pointer(order), 0));
  await Promise.all(all);
  expect(await stored()).toBe("number 9");
  await putPointer(env.BUNDLES, pointer(8), 0);
  expect(await stored()).toBe("number 9");
});

test("the same again writes nothing, other bytes of the same order are written", async () => {
  await putPointer(env.BUNDLES, pointer(1), 0);
  const before = await env.BUNDLES.head(KEY);
  await putPointer(env.BUNDLES, pointer(1), 0);
  expect((await env.BUNDLES.head(KEY))?.version).toBe(before?.version);
  await putPointer(env.BUNDLES, pointer(1, "corrected"), 0);
  expect(await stored()).toBe("corrected");
});

test("one that was written before orders were kept is older than any", async () => {
  await env.BUNDLES.put(KEY, utf8("old"));
  await putPointer(env.BUNDLES, pointer(0), 0);
  expect(await stored()).toBe("number 0");
});
