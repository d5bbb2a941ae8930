import { afterEach, beforeEach, expect, test } from "vitest";
import type { PluginRuntime, PluginSpec, RuntimeHost } from "../runtime/plugin-runtime.ts";
import { createSupervisor } from "../runtime/supervisor.ts";
import { createMemoryStore } from "../store/memory-store.ts";
import { codeOf, greeter, HELLO, throwing } from "../testing/expectations.ts";
import { createHostFixture, type HostFixture } from "../testing/host-fixture.ts";
import type { StateEvent } from "./slots.ts";

let fixture: HostFixture;
beforeEach(async () => {
  fixture = await createHostFixture();
  await fixture.market.publish({ name: HELLO, version: "1.0.0", code: greeter("1.0.0") });
});
afterEach(() => fixture.close());

const changesOf = (events: readonly StateEvent[]) => events.map(({ change }) => change);

test("every change is told, and kept beyond the host and the plugin", async () => {
  const store = createMemoryStore();
  const host = await fixture.open({ store: { ...store, close: async () => undefined } });
  const told: StateEvent[] = [];
  host.on("state", (event) => void told.push(event));
  await host.install(HELLO, { grant: "requested" });
  await fixture.market.publish({ name: HELLO, version: "1.1.0", code: greeter("1.1.0") });
  await host.update(HELLO);
  await host.rollback(HELLO);
  await host.disable(HELLO);
  await host.enable(HELLO);
  await fixture.market.publish({ name: HELLO, version: "1.2.0", code: throwing });
  expect(await codeOf(host.update(HELLO))).toBe("plugin_threw");
  await host.uninstall(HELLO);
  expect(told).toMatchObject([
    { change: "installed", state: "active", version: "1.0.0" },
    { change: "updated", state: "active", version: "1.1.0" },
    { change: "rolled-back", state: "active", version: "1.0.0" },
    { change: "disabled", state: "disabled", version: "1.0.0" },
    { change: "activated", state: "active", version: "1.0.0" },
    { change: "uninstalled", state: "uninstalled", version: "1.0.0", reason: null },
  ]);
  expect(await host.history(HELLO)).toEqual(told);
  await host.close();
  const again = await fixture.open({ store });
  expect(changesOf(await again.history(HELLO))).toEqual(changesOf(told));
  expect(await codeOf(again.history("@acme/never"))).toBe("plugin_not_found");
  await again.install(HELLO, { version: "1.0.0" });
  expect(await again.history(HELLO)).toHaveLength(told.length + 1);
});

test("a listener that throws harms nobody, and one that was taken off hears nothing", async () => {
  const errors: string[] = [];
  const logger = {
    info: () => undefined,
    warn: () => undefined,
    error: (message: string) => void errors.push(message),
  };
  const host = await fixture.open({ logger });
  const told: string[] = [];
  host.on("state", () => {
    throw new Error("a listener's own");
  });
  const stop = host.on("state", ({ change }) => void told.push(change));
  await host.install(HELLO, { grant: "requested" });
  stop();
  await host.disable(HELLO);
  expect(told).toEqual(["installed"]);
  expect(errors).toEqual(["A state listener failed", "A state listener failed"]);
  expect(host.plugin(HELLO).state).toBe("disabled");
});

test("a plugin that cannot start is failed, with the reason", async () => {
  const store = createMemoryStore();
  const code = `export default { async onActivate() {
    if (await this.api.storage.get("broken")) throw new Error("cannot go on"); await this.api.storage.set("broken", true); } };`;
  await fixture.market.publish({ name: "@acme/once", version: "1.0.0", code });
  const host = await fixture.open({ store: { ...store, close: async () => undefined } });
  await host.install("@acme/once");
  await host.close();
  const again = await fixture.open({ store });
  expect(await codeOf(again.call("@acme/once", "x"))).toBe("plugin_threw");
  expect((await again.history("@acme/once")).at(-1)).toMatchObject({
    change: "failed",
    state: "failed",
    reason: { code: "plugin_threw", message: expect.stringContaining("cannot go on") },
  });
});

test("a plugin that nobody calls is unloaded, and the next call loads it again", async () => {
  const host = await fixture.open({ idleMs: 100 });
  await host.install(HELLO, { grant: "requested" });
  const changes = async () => changesOf(await host.history(HELLO));
  await expect.poll(changes, { timeout: 15_000 }).toEqual(["installed", "evicted"]);
  expect(host.plugin(HELLO).state).toBe("active");
  expect(await host.call(HELLO, "greet", ["Ada"])).toBe("Hello Ada from 1.0.0");
  expect((await changes()).slice(0, 3)).toEqual(["installed", "evicted", "reloaded"]);
  expect(await host.usage(HELLO)).toMatchObject({ reloads: 1 });
  expect(host.logs(HELLO).map(({ message }) => message)).toEqual(["active 1.0.0", "active 1.0.0"]);
});

test("the runtime is told what may run twice and how long a plugin may idle", async () => {
  const specs: PluginSpec[] = [];
  const createRuntime = (asks: RuntimeHost): PluginRuntime => {
    const runtime = createSupervisor(asks);
    return {
      loadPlugin(spec) {
        specs.push(spec);
        return runtime.loadPlugin(spec);
      },
      executePlugin: (id, call) => runtime.executePlugin(id, call),
      updatePlugin: (id, data) => runtime.updatePlugin(id, data),
      unloadPlugin: (id) => runtime.unloadPlugin(id),
      usage: (id) => runtime.usage(id),
      on: (event, listener) => runtime.on(event, listener),
      close: () => runtime.close(),
    };
  };
  const idempotent = ["greet", "customers.created"];
  await fixture.market.publish({
    name: "@acme/again",
    version: "1.0.0",
    code: greeter("1.0.0"),
    permissions: ["customers.view"],
    manifest: { idempotent, hooks: ["customers.created"] },
  });
  const host = await fixture.open({ createRuntime, idleMs: 0 });
  await host.install("@acme/again", { grant: "requested" });
  expect(specs).toMatchObject([{ name: "@acme/again", idempotent, idleMs: 0 }]);
});

test("a plugin whose process was killed is loaded again, and why is kept", async () => {
  let runtime: PluginRuntime | undefined;
  const host = await fixture.open({ createRuntime: (asks) => (runtime = createSupervisor(asks)) });
  let id = "";
  runtime?.on("state", ({ plugin }) => (id = plugin));
  await host.install(HELLO, { grant: "requested" });
  const { pid = 0 } = runtime?.usage(id) ?? {};
  process.kill(pid, "SIGKILL");
  await expect.poll(() => runtime?.usage(id)?.pid, { timeout: 15_000 }).not.toBe(pid);
  expect(await host.call(HELLO, "greet", ["Ada"])).toBe("Hello Ada from 1.0.0");
  expect((await host.history(HELLO)).at(-1)).toMatchObject({
    change: "reloaded",
    state: "active",
    reason: { code: "plugin_crashed" },
  });
});

test("log lines say which call wrote them", async () => {
  const code = `export default { methods: { say(word) { for (const n of [1, 2]) this.api.log("info", word, { n }); } } };`;
  await fixture.market.publish({ name: "@acme/talker", version: "1.0.0", code });
  const host = await fixture.open();
  await host.install("@acme/talker");
  await host.call("@acme/talker", "say", ["one"]);
  await host.call("@acme/talker", "say", ["two"]);
  const lines = host.logs("@acme/talker");
  expect(lines).toMatchObject([
    { message: "one", fields: { n: 1 }, version: "1.0.0", level: "info" },
    { message: "one", fields: { n: 2 } },
    { message: "two", fields: { n: 1 } },
    { message: "two", fields: { n: 2 } },
  ]);
  const [first, second, third] = lines.map(({ call }) => call);
  expect(second).toBe(first);
  expect(third).not.toBe(first);
});

test("an actor that is none is refused before anything runs", async () => {
  const host = await fixture.open();
  await host.install(HELLO, { grant: "requested" });
  const { calls } = await host.usage(HELLO);
  const wrong: object[] = [
    {},
    { id: 1 },
    { id: 1, permissions: ["a", 2] },
    { id: null, permissions: "all" },
  ];
  for (const actor of wrong) {
    const options: object = { actor };
    expect(await codeOf(host.call(HELLO, "greet", ["Ada"], options))).toBe("usage");
  }
  expect(await host.usage(HELLO)).toMatchObject({ calls });
  const nobody: object = { actor: null };
  expect(await host.call(HELLO, "greet", ["Ada"], nobody)).toBe("Hello Ada from 1.0.0");
});
