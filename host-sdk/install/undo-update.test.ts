import { setTimeout as sleep } from "node:timers/promises";
import type { Json } from "@rising-bsm/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { PluginHost } from "../host.ts";
import { createMemoryStore } from "../store/memory-store.ts";
import { codeOf, HELLO } from "../testing/expectations.ts";
import { createHostFixture, type HostFixture } from "../testing/host-fixture.ts";
import { KIND } from "./rows.ts";

const METHODS = `methods: {
  get(key) { return this.api.storage.get(key); },
  set(key, value) { return this.api.storage.set(key, value); },
  async keys() { return (await this.api.storage.list()).keys; } }`;
const OLD = `export default { async onInstall() {
  await this.api.storage.set("format", 1); await this.api.storage.set("dropped", { kept: true }); }, ${METHODS} };`;
/** Changes, removes, adds and re-creates keys, then does what `end` says. */
const migrating = (end: string) => `export default { async onUpdate() {
  const { storage } = this.api;
  await storage.set("format", 2); await storage.set("format", 3);
  await storage.delete("dropped");
  await storage.set("added", "x".repeat(1000));
  await storage.set("brief", 1); await storage.delete("brief");
  ${end} }, ${METHODS} };`;

let fixture: HostFixture;
beforeEach(async () => {
  fixture = await createHostFixture();
  await fixture.market.publish({ name: HELLO, version: "1.0.0", code: OLD });
});
afterEach(() => fixture.close());

async function stateOf(host: PluginHost): Promise<Json> {
  const keys = await host.call(HELLO, "keys");
  const { storageBytes, storageKeys } = await host.usage(HELLO);
  const format = await host.call(HELLO, "get", ["format"]);
  const dropped = await host.call(HELLO, "get", ["dropped"]);
  return { keys, storageBytes, storageKeys, format, dropped };
}

test("what onUpdate stored before it failed is taken back, to the byte", async () => {
  const store = createMemoryStore();
  const host = await fixture.open({ store });
  await host.install(HELLO, { grant: "requested" });
  const before = await stateOf(host);
  await fixture.market.publish({
    name: HELLO,
    version: "2.0.0",
    code: migrating(`throw new Error("half way");`),
  });
  expect(await codeOf(host.update(HELLO))).toBe("plugin_threw");
  expect(await stateOf(host)).toEqual(before);
  expect(before).toMatchObject({ keys: ["dropped", "format"], format: 1, dropped: { kept: true } });
  expect(await store.list(`plugin-storage-undo:${HELLO}`)).toEqual([]);
  expect(await store.list(KIND.journal)).toEqual([]);
});

test("what the old version stored during the update stays", async () => {
  const host = await fixture.open();
  await host.install(HELLO, { grant: "requested" });
  const code = migrating(`while (await storage.get("go") === null); throw new Error("too late");`);
  await fixture.market.publish({ name: HELLO, version: "2.0.0", code });
  const update = codeOf(host.update(HELLO));
  while ((await host.call(HELLO, "get", ["added"])) === null) await sleep(5);
  await host.call(HELLO, "set", ["format", "by the old version"]);
  await host.call(HELLO, "set", ["go", true]);
  expect(await update).toBe("plugin_threw");
  expect(await stateOf(host)).toMatchObject({
    keys: ["dropped", "format", "go"],
    format: "by the old version",
    storageKeys: 3,
  });
});

test("an update that a crash cut short is taken back at the next start", async () => {
  const store = createMemoryStore();
  const host = await fixture.open({ store: { ...store, close: async () => undefined } });
  await host.install(HELLO, { grant: "requested" });
  const before = await stateOf(host);
  await fixture.market.publish({ name: HELLO, version: "2.0.0", code: migrating("") });
  // The disk fills up with the new version's record and stays full: nothing is undone.
  let full = false;
  await host.close();
  const failing = await fixture.open({
    store: {
      ...store,
      close: async () => undefined,
      async commit(changes) {
        full ||= changes.some(({ kind }) => kind === KIND.plugin);
        if (full) throw new Error("no room");
        return store.commit(changes);
      },
    },
  });
  expect(await codeOf(failing.update(HELLO))).toContain("no room");
  expect(await failing.call(HELLO, "get", ["format"])).toBe(3);
  await failing.close();
  const next = await fixture.open({ store });
  expect(next.plugin(HELLO)).toMatchObject({ version: "1.0.0", state: "active" });
  expect(await stateOf(next)).toEqual(before);
});

test("an update that succeeds keeps its writes, a rollback keeps them, a failed one takes its own back", async () => {
  const store = createMemoryStore();
  const host = await fixture.open({ store });
  const onUpdate = `async onUpdate(from) { await this.api.storage.set("format", "back from " + from);
    throw new Error("not again"); }`;
  const code = `export default { ${onUpdate}, ${METHODS} };`;
  await fixture.market.publish({ name: HELLO, version: "1.1.0", code });
  await host.install(HELLO, { grant: "requested" });
  await fixture.market.publish({ name: HELLO, version: "2.0.0", code: migrating("") });
  await host.update(HELLO);
  expect(await stateOf(host)).toMatchObject({ format: 3, dropped: null });
  expect(await store.list(`plugin-storage-undo:${HELLO}`)).toEqual([]);
  expect(await codeOf(host.rollback(HELLO))).toBe("plugin_threw");
  expect(host.plugin(HELLO)).toMatchObject({ version: "2.0.0", state: "active" });
  expect(await stateOf(host)).toMatchObject({ format: 3, dropped: null });
  expect(await store.list(KIND.journal)).toEqual([]);
});
