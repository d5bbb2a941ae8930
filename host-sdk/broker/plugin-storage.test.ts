import { STORAGE_LIMITS, type Json } from "@rising-bsm/protocol";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, expect, test } from "vitest";
import { createSimulatedDomain } from "../domain/simulated/simulated-domain.ts";
import type { HostStore } from "../store/host-store.ts";
import { createMemoryStore } from "../store/memory-store.ts";
import { createSqliteStore } from "../store/sqlite-store.ts";
import { createBroker, type Broker } from "./broker.ts";
import { deletePluginStorage, storageUsage } from "./plugin-storage.ts";

const PLUGIN = "@acme/test";
const folder = mkdtempSync(join(tmpdir(), "rbsm-storage-"));
afterAll(() => rmSync(folder, { recursive: true }));

let store: HostStore;
let broker: Broker;
let now: number;

beforeEach(async () => {
  store = createMemoryStore();
  broker = await brokerOn(store);
  now = 0;
});

async function brokerOn(hostStore: HostStore): Promise<Broker> {
  return createBroker({
    store: hostStore,
    domain: await createSimulatedDomain(),
    callPlugin: async () => null,
    perMinute: { hostCalls: 1e6, writes: 1e6 },
    audit: () => undefined,
    logger: { error: () => undefined },
    now: () => now,
  });
}

function storage(method: string, ...args: Json[]): Promise<Json> {
  return storageOf(PLUGIN, method, ...args);
}

function storageOf(plugin: string, method: string, ...args: Json[]): Promise<Json> {
  const context = { plugin, grants: [], dependencies: [], actor: null, depth: 0 };
  return broker.handle(context, { method: `storage.${method}`, args });
}

async function set(key: string, value: Json, options?: Json): Promise<number> {
  const args = options === undefined ? [key, value] : [key, value, options];
  const answer = await storage("set", ...args);
  return (answer as { version: number }).version;
}

/** A text whose JSON has exactly so many bytes. */
function valueOf(bytes: number): string {
  return "x".repeat(bytes - 2);
}

/** The usage on record is what the values really take. */
async function expectExactUsage(): Promise<void> {
  const rows = await store.list(`plugin-storage:${PLUGIN}`);
  const sizes = rows.map((row) => {
    const { value } = row.value as { value: Json };
    return Buffer.byteLength(JSON.stringify(value));
  });
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  expect(await storageUsage(store, PLUGIN)).toEqual({ bytes, keys: rows.length });
}

test("storage gives back every kind of value, null for what is not there", async () => {
  for (const value of [0, "", false, null, [], {}, { a: [1, "ü😀"] }]) {
    await set("key", value);
    expect(await storage("get", "key")).toEqual(value);
  }
  expect(await storage("get", "none")).toBeNull();
  await expectExactUsage();
});

test("plugins do not see each other's storage", async () => {
  await set("key", "mine");
  expect(await storageOf("@acme/test2", "get", "key")).toBeNull();
  await storageOf("@acme/test2", "set", "key", "theirs");
  expect(await storage("get", "key")).toBe("mine");
  expect(await storageOf("@acme/test2", "list")).toEqual({ keys: ["key"] });
});

test("storage.delete says whether there was something", async () => {
  await set("key", 1);
  expect(await storage("delete", "key")).toBe(true);
  expect(await storage("delete", "key")).toBe(false);
  expect(await storageUsage(store, PLUGIN)).toEqual({ bytes: 0, keys: 0 });
});

test("storage.list pages through keys in order", async () => {
  const keys = Array.from({ length: 25 }, (_, n) => `item/${String(n).padStart(2, "0")}`);
  for (const key of keys.toReversed()) await set(key, 1);
  await set("other", 1);
  const found: string[] = [];
  let cursor: string | undefined;
  do {
    const range = { prefix: "item/", limit: 10, ...(cursor === undefined ? {} : { cursor }) };
    const page = (await storage("list", range)) as { keys: string[]; cursor?: string };
    expect(page.keys.length).toBeGreaterThan(0);
    found.push(...page.keys);
    cursor = page.cursor;
  } while (cursor !== undefined);
  expect(found).toEqual(keys);
  expect(await storage("list")).toEqual({ keys: [...keys, "other"] });
  expect(await storage("list", { prefix: "none" })).toEqual({ keys: [] });
});

test("ifVersion lets one of two writers win", async () => {
  const version = await set("key", "first", { ifVersion: 0 });
  await set("key", "second", { ifVersion: version });
  const late = set("key", "third", { ifVersion: version });
  await expect(late).rejects.toMatchObject({ code: "conflict_row_version" });
  const again = set("key", "fourth", { ifVersion: 0 });
  await expect(again).rejects.toMatchObject({ code: "conflict_row_version" });
  const missing = set("none", "fifth", { ifVersion: version });
  await expect(missing).rejects.toMatchObject({ code: "conflict_row_version" });
  expect(await storage("get", "key")).toBe("second");
  await expectExactUsage();
});

test("a value with ttlSeconds is gone when its time is over", async () => {
  const version = await set("key", "soon gone", { ttlSeconds: 10 });
  now = 9_999;
  expect(await storage("get", "key")).toBe("soon gone");
  now = 10_000;
  expect(await storage("get", "key")).toBeNull();
  expect(await storage("list")).toEqual({ keys: [] });
  await expect(set("key", 1, { ifVersion: version })).rejects.toMatchObject({
    code: "conflict_row_version",
  });
  await set("key", "new", { ifVersion: 0 });
  now = 1_000_000;
  expect(await storage("get", "key")).toBe("new");
  await expectExactUsage();
});

test("storage.delete of an expired value says that there was nothing", async () => {
  await set("key", 1, { ttlSeconds: 1 });
  now = 2_000;
  expect(await storage("delete", "key")).toBe(false);
  expect(await storageUsage(store, PLUGIN)).toEqual({ bytes: 0, keys: 0 });
});

test("a value may have 256 KiB and not one byte more", async () => {
  const { valueBytes } = STORAGE_LIMITS;
  await set("key", valueOf(valueBytes));
  await expect(set("key", valueOf(valueBytes + 1))).rejects.toMatchObject({
    code: "limit_storage",
  });
  // Counted in bytes, not in characters.
  await expect(set("key", "ü".repeat(valueBytes / 2))).rejects.toMatchObject({
    code: "limit_storage",
  });
  expect(await storage("get", "key")).toBe(valueOf(valueBytes));
});

test("a plugin may keep 5 MiB and not one byte more", async () => {
  const { totalBytes, valueBytes } = STORAGE_LIMITS;
  for (let n = 0; n < totalBytes / valueBytes; n += 1) await set(`k${n}`, valueOf(valueBytes));
  await expect(set("one more", 0)).rejects.toMatchObject({ code: "limit_storage" });
  await set("k0", valueOf(valueBytes - 1));
  await set("one more", 0);
  await expect(set("k0", valueOf(valueBytes))).rejects.toMatchObject({ code: "limit_storage" });
  await expectExactUsage();
  expect((await storageUsage(store, PLUGIN)).bytes).toBe(totalBytes);
});

test("a plugin may keep 1,000 keys and not one more", async () => {
  for (let n = 0; n < STORAGE_LIMITS.keys; n += 1) await set(`k${n}`, n);
  await expect(set("one more", 0)).rejects.toMatchObject({ code: "limit_storage" });
  await set("k0", "replaced");
  await storage("delete", "k1");
  await set("one more", 0);
  await expectExactUsage();
});

test("expired values give way to new ones", async () => {
  for (let n = 0; n < STORAGE_LIMITS.keys; n += 1) {
    await set(`k${n}`, n, n < 10 ? { ttlSeconds: 1 } : {});
  }
  await expect(set("one more", 0)).rejects.toMatchObject({ code: "limit_storage" });
  now = 2_000;
  await set("one more", 0);
  expect((await storageUsage(store, PLUGIN)).keys).toBe(STORAGE_LIMITS.keys - 9);
  await expectExactUsage();
});

test("racing writes keep the usage exact and the quota closed", async () => {
  const { keys } = STORAGE_LIMITS;
  for (let n = 0; n < keys - 5; n += 1) await set(`k${n}`, n);
  const race = Array.from({ length: 20 }, (_, n) => set(`race${n}`, n));
  const settled = await Promise.allSettled(race);
  expect(settled.filter((result) => result.status === "fulfilled")).toHaveLength(5);
  await Promise.allSettled(
    Array.from({ length: 30 }, (_, n) => (n % 2 ? set("same", n) : storage("delete", "same"))),
  );
  await expectExactUsage();
});

test("two processes on one store keep the usage exact", async () => {
  const file = join(folder, "shared.sqlite");
  store = createSqliteStore(file);
  const other = createSqliteStore(file);
  const brokers = [await brokerOn(store), await brokerOn(other)];
  const context = { plugin: PLUGIN, grants: [], dependencies: [], actor: null, depth: 0 };
  await Promise.all(
    Array.from({ length: 40 }, (_, n) =>
      brokers[n % 2]!.handle({ ...context }, { method: "storage.set", args: [`k${n % 25}`, n] }),
    ),
  );
  expect((await storageUsage(store, PLUGIN)).keys).toBe(25);
  await expectExactUsage();
  await store.close();
  await other.close();
});

test("deletePluginStorage() forgets one plugin's values and no other's", async () => {
  await set("a", 1);
  await storageOf("@acme/other", "set", "a", 2);
  await deletePluginStorage(store, PLUGIN);
  expect(await storage("list")).toEqual({ keys: [] });
  expect(await storageUsage(store, PLUGIN)).toEqual({ bytes: 0, keys: 0 });
  expect(await storageOf("@acme/other", "get", "a")).toBe(2);
});
