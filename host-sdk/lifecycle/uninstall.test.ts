import { afterEach, beforeEach, expect, test } from "vitest";
import type { HostStore } from "../store/host-store.ts";
import { createMemoryStore } from "../store/memory-store.ts";
import { codeOf, HELLO } from "../testing/expectations.ts";
import { createHostFixture, type HostFixture } from "../testing/host-fixture.ts";

const CODE = `export default {
  async onInstall() { await this.api.storage.set("installs", (await this.api.storage.get("installs") ?? 0) + 1); },
  async onDeactivate() { await this.api.storage.set("deactivated", true); },
  async onUninstall() { await this.api.storage.set("uninstalled", true); },
  methods: { get(key) { return this.api.storage.get(key); }, set(key, value) { return this.api.storage.set(key, value); } },
  schedules: { night() {} },
};`;

let fixture: HostFixture;
let store: HostStore;
beforeEach(async () => {
  fixture = await createHostFixture();
  store = createMemoryStore();
  await fixture.market.publish({
    name: HELLO,
    version: "1.0.0",
    code: CODE,
    manifest: {
      schedules: [{ name: "night", cron: "0 3 * * *" }],
      secrets: [{ name: "token" }],
      config: { type: "object", properties: { greeting: { type: "string" } } },
    },
  });
});
afterEach(() => fixture.close());

/** Rows that are about the plugin, but for what has to outlive it. */
async function rowsOf(plugin: string): Promise<string[]> {
  const kinds = ["plugin", "schedule", "secret", "kept-data", "install-journal", "plugin-storage"];
  const own = [`plugin-storage:${plugin}`, `plugin-storage-undo:${plugin}`];
  const found: string[] = [];
  for (const kind of kinds)
    for (const { key } of await store.list(kind)) if (key.startsWith(plugin)) found.push(kind);
  for (const kind of own) if ((await store.list(kind)).length > 0) found.push(kind);
  return found;
}

test("with its data kept a plugin finds its storage and no old schedule when it is back", async () => {
  const host = await fixture.open({ store });
  await host.install(HELLO, { grant: "requested" });
  await host.call(HELLO, "set", ["note", "kept"]);
  await host.runSchedule(HELLO, "night");
  await host.uninstall(HELLO, { keepData: true });
  expect(await rowsOf(HELLO)).toEqual(["kept-data", "plugin-storage", `plugin-storage:${HELLO}`]);
  await host.install(HELLO, { grant: "requested" });
  expect(await host.call(HELLO, "get", ["note"])).toBe("kept");
  expect(await host.call(HELLO, "get", ["installs"])).toBe(2);
  expect(await host.call(HELLO, "get", ["uninstalled"])).toBe(true);
  expect(await host.schedules(HELLO)).toMatchObject([{ runs: 0, lastAt: null }]);
});

test("without, nothing of it is left but its history and its publisher", async () => {
  const host = await fixture.open({ store });
  await host.install(HELLO, { grant: "requested" });
  await host.runSchedule(HELLO, "night");
  await host.uninstall(HELLO, { keepData: false });
  expect(await rowsOf(HELLO)).toEqual([]);
  expect((await host.history(HELLO)).map(({ change }) => change)).toEqual([
    "installed",
    "uninstalled",
  ]);
  expect(await store.get("publisher-pin", HELLO)).not.toBeNull();
  expect(await codeOf(host.schedules(HELLO))).toBe("plugin_not_found");
  await host.install(HELLO, { grant: "requested" });
  expect(await host.call(HELLO, "get", ["installs"])).toBe(1);
});

test.each([true, false])(
  "settings and secrets are back after an uninstall: %s",
  async (keepData) => {
    const host = await fixture.open({ store });
    await host.install(HELLO, { grant: "requested" });
    await host.configure(HELLO, { greeting: "Moin" });
    await host.setSecret(HELLO, "token", "s3cret");
    await host.uninstall(HELLO, { keepData });
    expect(await store.list("secret")).toHaveLength(keepData ? 1 : 0);
    await host.install(HELLO, { grant: "requested" });
    expect((await store.get("plugin", HELLO))?.value).toMatchObject({
      config: keepData ? { greeting: "Moin" } : {},
    });
    expect(await host.secrets(HELLO)).toMatchObject([{ name: "token", isSet: keepData }]);
  },
);

test("disable says goodbye and stops the schedules, enable starts them again", async () => {
  const host = await fixture.open({ store });
  await host.install(HELLO, { grant: "requested" });
  await host.disable(HELLO);
  expect((await store.get(`plugin-storage:${HELLO}`, "deactivated"))?.value).toMatchObject({
    value: true,
  });
  expect(await host.schedules(HELLO)).toMatchObject([{ name: "night", nextAt: null }]);
  expect(await codeOf(host.runSchedule(HELLO, "night"))).toBe("plugin_not_active");
  await host.enable(HELLO);
  await expect
    .poll(() => host.schedules(HELLO))
    .toMatchObject([{ nextAt: expect.stringContaining("T") }]);
});

test.each(["plugin", "install-journal"])(
  "a crash of an uninstall at its %s row leaves it whole or gone",
  async (kind) => {
    let crashed = false;
    const crashing: HostStore = {
      ...store,
      close: async () => undefined,
      async commit(changes) {
        // Before the commit of the removal, or before the end of its journal.
        const touches = changes.some((change) => change.kind === kind && change.value === null);
        crashed ||= touches;
        if (crashed) throw new Error("the process is gone");
        return store.commit(changes);
      },
    };
    const setUp = await fixture.open({ store: { ...store, close: async () => undefined } });
    await setUp.install(HELLO, { grant: "requested" });
    await setUp.call(HELLO, "set", ["note", "mine"]);
    await setUp.close();
    const host = await fixture.open({ store: crashing });
    const ended = await codeOf(host.uninstall(HELLO, { keepData: false }));
    // After its commit nothing fails it any more; what is left is for the next start.
    expect(ended).toContain(kind === "plugin" ? "process is gone" : "ok");
    await host.close();
    const next = await fixture.open({ store });
    if (kind === "plugin") {
      expect(await next.call(HELLO, "get", ["note"])).toBe("mine");
    } else {
      expect(next.plugins()).toEqual([]);
      expect(await rowsOf(HELLO)).toEqual([]);
    }
  },
);

test.each(["disable", "uninstall"] as const)(
  "calls that began in the same turn as %s end as they would have",
  async (operation) => {
    const slow = "@acme/slow";
    await fixture.market.publish({
      name: slow,
      version: "1.0.0",
      code: `export default {
        onDeactivate() {},
        methods: { wait() { return new Promise((resolve) => setTimeout(resolve, 300, "done")); } },
      };`,
    });
    const host = await fixture.open({ store });
    await host.install(slow);
    await host.call(slow, "wait");
    const calls = Array.from({ length: 5 }, () => host.call(slow, "wait"));
    const ended = host[operation](slow);
    expect(await Promise.all(calls)).toEqual(["done", "done", "done", "done", "done"]);
    await ended;
    expect(await codeOf(host.call(slow, "wait"))).toMatch(/^plugin_not_/);
  },
);
