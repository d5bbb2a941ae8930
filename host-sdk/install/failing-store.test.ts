import { base64url, type KeyStatement, RbsmError, signKeyStatement } from "@rising-bsm/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Change, HostStore } from "../store/host-store.ts";
import { createMemoryStore } from "../store/memory-store.ts";
import { bundlesOnDisk, codeOf, greeter, HELLO } from "../testing/expectations.ts";
import { createHostFixture, type HostFixture } from "../testing/host-fixture.ts";
import { createSupervisor } from "../runtime/supervisor.ts";
import { randomKey } from "../testing/static-marketplace.ts";
import { KIND } from "./rows.ts";

/** A plugin with settings. */
const FORM = "@acme/form";

let fixture: HostFixture;
beforeEach(async () => {
  fixture = await createHostFixture();
  await fixture.market.publish({ name: HELLO, version: "1.0.0", code: greeter("1.0.0") });
});
afterEach(() => fixture.close());

type Fault = (changes: readonly Change[]) => "before" | "after" | null;

/** A store whose disk fills up at a commit of the test's choice, before or after it was stored. */
function failing(store: HostStore, fault: Fault): HostStore {
  const full = () => new RbsmError("disk_full");
  return {
    get: (kind, key) => store.get(kind, key),
    list: (kind, range) => store.list(kind, range),
    close: async () => undefined,
    async commit(changes) {
      const when = fault(changes);
      if (when === "before") throw full();
      const version = await store.commit(changes);
      if (when === "after") throw full();
      return version;
    },
  };
}

const touches = (kind: string, changes: readonly Change[]) =>
  changes.some((change) => change.kind === kind);

test("when the journal cannot be written nothing begins", async () => {
  const store = createMemoryStore();
  const host = await fixture.open({
    store: failing(store, (changes) => (touches(KIND.journal, changes) ? "before" : null)),
  });
  expect(await codeOf(host.install(HELLO, { grant: "requested" }))).toBe("disk_full");
  expect(fixture.market.requests.some((path) => path.startsWith("/b/"))).toBe(false);
  expect(host.plugins()).toEqual([]);
});

test("when the record cannot be written everything is undone, and tried again it works", async () => {
  const store = createMemoryStore();
  let full = true;
  const fault: Fault = (changes) => (full && touches(KIND.plugin, changes) ? "before" : null);
  const host = await fixture.open({ store: failing(store, fault) });
  expect(await codeOf(host.install(HELLO, { grant: "requested" }))).toBe("disk_full");
  expect(host.plugins()).toEqual([]);
  expect(await bundlesOnDisk(fixture.dataDir)).toEqual([]);
  expect(await store.list(KIND.journal)).toEqual([]);
  expect(await store.list(`plugin-storage:${HELLO}`)).toEqual([]);
  full = false;
  await host.install(HELLO, { grant: "requested" });
  expect(await host.call(HELLO, "stored", ["installed"])).toBe("1.0.0");
});

test("a record that was stored although the store failed counts", async () => {
  const store = createMemoryStore();
  const fault: Fault = (changes) => (touches(KIND.plugin, changes) ? "after" : null);
  const host = await fixture.open({ store: failing(store, fault) });
  await host.install(HELLO, { grant: "requested" });
  expect(await host.call(HELLO, "greet", ["Ada"])).toBe("Hello Ada from 1.0.0");
});

test("an installation that could not be undone is undone at the next start", async () => {
  const store = createMemoryStore();
  let full = false;
  const fault: Fault = (changes) => {
    full ||= touches(KIND.plugin, changes);
    return full ? "before" : null;
  };
  const first = await fixture.open({ store: failing(store, fault) });
  expect(await codeOf(first.install(HELLO, { grant: "requested" }))).toBe("disk_full");
  expect(await store.list(KIND.journal)).toHaveLength(1);
  await first.close();
  const second = await fixture.open({ store: failing(store, () => null) });
  expect(second.plugins()).toEqual([]);
  expect(await store.list(KIND.journal)).toEqual([]);
  expect(await store.list(`plugin-storage:${HELLO}`)).toEqual([]);
});

test("an uninstallation that cannot be recorded leaves the plugin", async () => {
  const store = createMemoryStore();
  let full = false;
  const host = await fixture.open({ store: failing(store, () => (full ? "before" : null)) });
  await host.install(HELLO, { grant: "requested" });
  full = true;
  expect(await codeOf(host.uninstall(HELLO, { keepData: false }))).toBe("disk_full");
  expect(await host.call(HELLO, "greet", ["Ada"])).toBe("Hello Ada from 1.0.0");
});

test("settings and a switch that were stored although the store failed count", async () => {
  const store = createMemoryStore();
  let stored = false;
  const host = await fixture.open({ store: failing(store, () => (stored ? "after" : null)) });
  await fixture.market.publish({
    name: FORM,
    version: "1.0.0",
    code: "export default { methods: { config() { return this.api.config; } } };",
    manifest: { config: { type: "object", properties: { city: { type: "string" } } } },
  });
  await host.install(FORM);
  stored = true;
  await host.configure(FORM, { city: "Ulm" });
  expect(await host.call(FORM, "config")).toEqual({ city: "Ulm" });
  expect((await host.disable(FORM)).state).toBe("disabled");
  expect((await host.enable(FORM)).state).toBe("active");
});

test("a plugin whose switch cannot be recorded is as before, and no second one stays loaded", async () => {
  const store = createMemoryStore();
  let full = false;
  const ended: string[] = [];
  const host = await fixture.open({
    store: failing(store, () => (full ? "before" : null)),
    createRuntime(parts) {
      const runtime = createSupervisor(parts);
      const unload = runtime.unloadPlugin.bind(runtime);
      runtime.unloadPlugin = (id) => {
        ended.push(id);
        return unload(id);
      };
      return runtime;
    },
  });
  await host.install(HELLO, { grant: "requested" });
  await host.disable(HELLO);
  ended.length = 0;
  full = true;
  expect(await codeOf(host.enable(HELLO))).toBe("disk_full");
  expect(ended).toHaveLength(1);
  expect(host.plugin(HELLO).state).toBe("disabled");
});

test("an uninstallation that cannot clear up is done, and nothing of it reaches the next one", async () => {
  const store = createMemoryStore();
  let full = false;
  const fault: Fault = (changes) => (full && !touches(KIND.plugin, changes) ? "before" : null);
  const host = await fixture.open({ store: failing(store, fault) });
  await host.install(HELLO, { grant: "requested" });
  await store.commit([
    { kind: `plugin-storage:${HELLO}`, key: "mine", value: { value: 1, size: 1 } },
  ]);
  full = true;
  await host.uninstall(HELLO);
  expect(host.plugins()).toEqual([]);
  expect(await store.list(KIND.journal)).toHaveLength(1);
  full = false;
  await host.install(HELLO, { grant: "requested" });
  expect(await host.call(HELLO, "stored", ["installed"])).toBe("1.0.0");
  expect(await host.call(HELLO, "stored", ["mine"])).toBeNull();
});

test("a plugin whose uninstallation cannot even be prepared stays reachable", async () => {
  const store = createMemoryStore();
  let broken = false;
  const host = await fixture.open({
    store: {
      ...failing(store, () => null),
      list: (kind, range) =>
        broken ? Promise.reject(new RbsmError("disk_full")) : store.list(kind, range),
    },
  });
  await host.install(HELLO, { grant: "requested" });
  broken = true;
  expect(await codeOf(host.uninstall(HELLO))).toBe("disk_full");
  expect(await host.call(HELLO, "greet", ["Ada"])).toBe("Hello Ada from 1.0.0");
});

test.each(["before", "after"] as const)(
  "a look for updates goes on when keys cannot be kept (fails %s storing), and keeps them next time",
  async (when) => {
    const store = createMemoryStore();
    let full = false;
    const fault: Fault = (changes) => (full && touches(KIND.pin, changes) ? when : null);
    const host = await fixture.open({ store: failing(store, fault) });
    await host.install(HELLO, { grant: "requested" });
    const { keyId, publicKey } = await randomKey();
    const statement: KeyStatement = {
      type: "https://rising-bsm.com/publisher-key/v1",
      publisher: "acme",
      issuedAt: "2026-11-01T00:00:00Z",
      action: "add",
      keyId,
      publicKey: base64url(publicKey),
    };
    const statements = [await signKeyStatement(statement, fixture.market.publisher)];
    fixture.market.setPublisherKeys(HELLO, { statements });
    const isPinned = async () => JSON.stringify(await store.get(KIND.pin, HELLO)).includes(keyId);
    full = true;
    expect(await host.checkForUpdates()).toEqual([]);
    expect(await isPinned()).toBe(when === "after");
    full = false;
    await host.checkForUpdates();
    expect(await isPinned()).toBe(true);
  },
);
