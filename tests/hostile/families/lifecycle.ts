import { setImmediate } from "node:timers/promises";
import type { Json } from "@rising-bsm/protocol";
import { codeOf, type Family, type Scene } from "../payload.ts";

const WORKER = `
async sleep(ms) { await new Promise((done) => setTimeout(done, ms)); return "slept"; }
async store(count) { for (let k = 0; k < count; k += 1) await this.api.storage.set("k", k); return count; }
spin() { for (;;) {} }
stuck() { return (1n << 2n ** 27n).toString().length; }`;

const worker = (more = "") => codeOf({ members: WORKER + more });

const codes = async (calls: readonly Promise<Json>[]): Promise<string[]> => {
  const ended = await Promise.allSettled(calls);
  const names = ended.map((one) =>
    one.status === "fulfilled" ? "ok" : String(Object(one.reason).code),
  );
  return [...new Set(names)].sort();
};

/** As `begin`, each in a turn of its own: so many at once would hold up the event loop by themselves. */
async function beginOneByOne(
  count: number,
  call: (number: number) => Promise<Json>,
): Promise<Promise<Json>[]> {
  const open: Promise<Json>[] = [];
  for (let number = 0; number < count; number += 1) {
    open.push(...begin(1, () => call(number)));
    await setImmediate();
  }
  return open;
}

/** Fails with what came of the calls unless each is one of `allowed`. */
async function onlyThese(allowed: readonly string[], calls: readonly Promise<Json>[]) {
  const seen = await codes(calls);
  const others = seen.filter((code) => !allowed.includes(code));
  return others.length === 0 ? "as allowed" : seen;
}

const asAllowed = { expect: "ok", result: "as allowed", members: WORKER } as const;
const LOST = ["ok", "plugin_crashed"];

/** After whatever happened the plugin answers again. */
async function alive({ call }: Scene, seen: Json): Promise<Json> {
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const answer = await call("alive").catch((error: unknown) => String(Object(error).code));
    if (answer === "alive") return seen;
    if (answer !== "plugin_crashed") return `not alive: ${JSON.stringify(answer)}`;
  }
  return "crashes again and again";
}

/** Calls that may fail before anybody looks at them. */
function begin(count: number, call: (number: number) => Promise<Json>): Promise<Json>[] {
  const open = Array.from({ length: count }, (_, number) => call(number));
  for (const one of open) one.catch(() => undefined);
  return open;
}

/** What happens at the wrong moment: removal, update, cancellation and the end of the process. */
export const lifecycle: Family = {
  "uninstalled during calls": {
    ...asAllowed,
    by: "uninstall",
    act: async ({ host, plugin, call }) => {
      const open = begin(10, () => call("sleep", 100));
      await host.uninstall(plugin);
      return onlyThese(["ok", "plugin_not_active", "plugin_not_found", "cancelled"], open);
    },
  },
  "disabled while it calls the host": {
    ...asAllowed,
    act: async ({ host, plugin, call }) => {
      const open = begin(5, () => call("store", 20));
      await host.disable(plugin);
      await host.enable(plugin);
      return onlyThese(["ok", "plugin_not_active"], open);
    },
  },
  "disabled and enabled ten times during calls": {
    ...asAllowed,
    act: async (scene) => {
      const { host, plugin, call } = scene;
      const open: Promise<Json>[] = [];
      for (let turn = 0; turn < 10; turn += 1) {
        open.push(...begin(1, () => call("sleep", 5)), ...begin(1, () => call("alive")));
        await host.disable(plugin);
        open.push(...begin(1, () => call("alive")));
        await host.enable(plugin);
      }
      return alive(scene, await onlyThese(["ok", "plugin_not_active"], open));
    },
  },
  "updated while it is called": {
    ...asAllowed,
    act: async (scene) => {
      const open: Promise<Json>[] = [];
      const caller = setInterval(() => open.push(...begin(1, () => scene.call("alive"))), 1);
      await scene.install("1.1.0", worker());
      await scene.install("1.2.0", worker());
      clearInterval(caller);
      return alive(scene, await onlyThese(["ok"], open));
    },
  },
  "updated to a version that does not start": {
    ...asAllowed,
    act: async (scene) => {
      const refused = await codes([
        scene.install("1.1.0", worker("onActivate() { for (;;) {} }")).then(() => "installed"),
        scene.install("1.1.0", worker("onUpdate() { throw null }")).then(() => "installed"),
        scene.install("1.1.0", "for (;;) {}").then(() => "installed"),
      ]);
      const version = scene.host.plugin(scene.plugin).version;
      const asBefore =
        JSON.stringify([refused, version]) === '[["limit_cpu","plugin_threw"],"1.0.0"]';
      return alive(scene, asBefore ? "as allowed" : [refused, version]);
    },
  },
  "updated while the old version loops": {
    ...asAllowed,
    act: async (scene) => {
      const looping = begin(1, () => scene.call("spin"));
      await scene.install("1.1.0", worker());
      return alive(scene, await onlyThese(["limit_cpu"], looping));
    },
  },
  "cancelled at random times": {
    ...asAllowed,
    act: async (scene) => {
      const { host, plugin } = scene;
      const open = await beginOneByOne(40, (turn) =>
        host.call(plugin, "store", [3], { signal: AbortSignal.timeout(turn) }),
      );
      return alive(scene, await onlyThese(["ok", "cancelled", "limit_calls"], open));
    },
  },
  "cancelled before it begins": {
    ...asAllowed,
    act: ({ host, plugin }) =>
      onlyThese(["cancelled"], [host.call(plugin, "spin", [], { signal: AbortSignal.abort() })]),
  },
  "cancelled in an endless loop": {
    ...asAllowed,
    act: async (scene) => {
      const { host, plugin } = scene;
      const cancelled = host.call(plugin, "spin", [], { signal: AbortSignal.timeout(20) });
      return alive(scene, await onlyThese(["cancelled", "limit_cpu"], [cancelled]));
    },
  },
  "called while it starts": {
    ...asAllowed,
    members: `${WORKER}\nasync onActivate() { await this.api.storage.set("started", true); }`,
    act: async (scene) => {
      const { host, plugin, call } = scene;
      await host.disable(plugin);
      const enabling = host.enable(plugin);
      const open = begin(10, () => call("alive"));
      await enabling;
      return alive(scene, await onlyThese(["ok", "plugin_not_active"], open));
    },
  },
  "installed twice at the same time": {
    ...asAllowed,
    act: async (scene) => {
      const both = [scene.install("1.1.0", worker()), scene.install("1.1.0", worker())];
      return alive(
        scene,
        await onlyThese(
          ["ok"],
          both.map((one) => one.then(() => null)),
        ),
      );
    },
  },
  "onActivate that throws": {
    expect: "plugin_threw",
    by: "install",
    members: "onActivate() { throw new Error('no luck') }",
  },
  "onActivate that never settles": {
    expect: "limit_wall|limit_cpu",
    by: "install",
    members:
      "onActivate() { setInterval(() => { const end = Date.now() + 20; while (Date.now() < end); }, 1); return new Promise(() => {}) }",
  },
  "onActivate that calls the host without end": {
    expect: "limit_cpu|limit_calls|limit_memory",
    by: "install",
    members:
      "async onActivate(api) { for (;;) await Promise.allSettled(Array.from({ length: 40 }, () => api.storage.get('k'))) }",
  },
  "onDeactivate that throws": {
    expect: "ok",
    by: "disable",
    members: "onDeactivate() { throw null }",
  },
  "onDeactivate that kills the process": {
    expect: "ok",
    by: "disable",
    members: "onDeactivate() { return (1n << 2n ** 27n).toString().length }",
  },
  "onUninstall that fills the memory": {
    expect: "ok",
    by: "uninstall",
    members: "onUninstall() { const a = []; for (;;) a.push({}) }",
  },
  "killed while it is idle": {
    ...asAllowed,
    act: async (scene) => {
      scene.killChild();
      await scene.wait(30);
      return alive(scene, "as allowed");
    },
  },
  "killed while it sleeps": {
    ...asAllowed,
    act: async (scene) => {
      const open = begin(5, () => scene.call("sleep", 300));
      await scene.wait(20);
      scene.killChild();
      return alive(scene, await onlyThese(LOST, open));
    },
  },
  "killed while it loops": {
    ...asAllowed,
    act: async (scene) => {
      const open = begin(1, () => scene.call("spin"));
      await scene.wait(20);
      scene.killChild();
      return alive(scene, await onlyThese(["limit_cpu", "plugin_crashed"], open));
    },
  },
  "killed while it calls the host": {
    ...asAllowed,
    act: async (scene) => {
      const open = begin(5, () => scene.call("store", 50));
      await scene.wait(10);
      scene.killChild();
      return alive(scene, await onlyThese(LOST, open));
    },
  },
  "killed while it starts": {
    ...asAllowed,
    act: async (scene) => {
      const { host, plugin } = scene;
      await host.disable(plugin);
      const enabling = begin(1, () => host.enable(plugin).then(() => null));
      scene.killChild();
      await onlyThese(LOST, enabling);
      await host.enable(plugin);
      return alive(scene, "as allowed");
    },
  },
  "killed while it is updated": {
    ...asAllowed,
    act: async (scene) => {
      const updating = begin(1, () => scene.install("1.1.0", worker()).then(() => null));
      await scene.wait(10);
      scene.killChild();
      return alive(scene, await onlyThese(LOST, updating));
    },
  },
  "killed while it is removed": {
    ...asAllowed,
    by: "uninstall",
    act: async ({ host, plugin, killChild }) => {
      const removing = host.uninstall(plugin).then(() => null);
      killChild();
      return onlyThese(["ok"], [removing]);
    },
  },
  "wedged during other calls": {
    ...asAllowed,
    act: async (scene) => {
      const open = [
        ...begin(3, () => scene.call("sleep", 2_000)),
        ...begin(1, () => scene.call("stuck")),
      ];
      return alive(
        scene,
        await onlyThese(["ok", "limit_cpu", "plugin_crashed", "limit_memory"], open),
      );
    },
  },
  "a hundred calls at once, then one too many": {
    ...asAllowed,
    act: async (scene) => {
      const stop = new AbortController();
      const { host, plugin } = scene;
      const open = await beginOneByOne(128, () =>
        host.call(plugin, "sleep", [5_000], { signal: stop.signal }),
      );
      const tooMany = await onlyThese(["host_busy"], [scene.call("alive")]);
      stop.abort();
      return alive(scene, (await onlyThese(["cancelled"], open)) === "as allowed" ? tooMany : "?");
    },
  },
};
