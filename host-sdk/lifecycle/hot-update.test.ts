import { setTimeout as sleep } from "node:timers/promises";
import { type Json, RbsmError } from "@rising-bsm/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { PluginHost } from "../host.ts";
import type { PluginRuntime } from "../runtime/plugin-runtime.ts";
import { createSupervisor } from "../runtime/supervisor.ts";
import { codeOf, HELLO, throwing } from "../testing/expectations.ts";
import { createHostFixture, type HostFixture } from "../testing/host-fixture.ts";

/** Says who answers what, so that an answer of neither version, or of another call, is seen. */
const answering = (version: string) => `export default { methods: {
  async echo(n) { if (n % 4 === 0) await new Promise((resolve) => setTimeout(resolve, 5)); return ["${version}", n]; },
  async held(ms) { await new Promise((resolve) => setTimeout(resolve, ms)); return "${version}"; } } };`;

const CALLS = 10_000;
const IN_FLIGHT = 16;
const VERSIONS = ["1.0.0", "1.1.0", "1.2.0", "1.3.0", "1.4.0"];

let fixture: HostFixture;
beforeEach(async () => {
  fixture = await createHostFixture();
});
afterEach(() => fixture.close());

async function publish(versions: readonly string[]): Promise<void> {
  for (const version of versions)
    await fixture.market.publish({ name: HELLO, version, code: answering(version) });
}

interface Load {
  /** Calls by the version that answered. */
  readonly answered: Map<Json, number>;
  readonly failed: string[];
  readonly done: () => number;
  readonly ended: Promise<unknown>;
}

/** Calls one after the other on each of several lines, until `enough`. */
function startLoad(host: PluginHost, enough: (done: number) => boolean): Load {
  const answered = new Map<Json, number>();
  const failed: string[] = [];
  let begun = 0;
  let done = 0;
  const callOnce = async (n: number) => {
    const answer = await host.call(HELLO, "echo", [n]);
    if (!Array.isArray(answer) || answer[1] !== n) throw new Error(JSON.stringify(answer));
    const [version = null] = answer;
    answered.set(version, (answered.get(version) ?? 0) + 1);
  };
  const line = async () => {
    while (!enough(done)) {
      const n = (begun += 1);
      await callOnce(n).catch((error: unknown) =>
        failed.push(error instanceof RbsmError ? error.code : String(error)),
      );
      done += 1;
    }
  };
  const ended = Promise.all(Array.from({ length: IN_FLIGHT }, line));
  return { answered, failed, done: () => done, ended };
}

test(
  "of 10,000 calls none is lost while four updates take over",
  { timeout: 120_000 },
  async () => {
    await publish(VERSIONS);
    const host = await fixture.open();
    await host.install(HELLO, { grant: "requested", version: "1.0.0" });
    let updated = 1;
    const startedAt = performance.now();
    // The load goes on until the last version has answered, and never stops for an update.
    const load = startLoad(host, (done) => done >= CALLS && load.answered.has("1.4.0"));
    const share = CALLS / VERSIONS.length;
    for (const version of VERSIONS.slice(1)) {
      while (load.done() < updated * share) await sleep(5);
      await host.update(HELLO, { version });
      updated += 1;
    }
    await load.ended;
    const seconds = (performance.now() - startedAt) / 1_000;
    console.log(`${load.done()} calls in ${seconds.toFixed(1)} s with 4 updates`);
    expect(load.failed).toEqual([]);
    expect(new Set(load.answered.keys())).toEqual(new Set(VERSIONS));
    expect([...load.answered.values()].reduce((sum, one) => sum + one, 0)).toBe(load.done());
    expect(load.done()).toBeGreaterThanOrEqual(CALLS);
  },
);

test("a version that cannot be activated costs no call, and the old one answers on", async () => {
  await publish(["1.0.0"]);
  for (const version of ["1.1.0", "1.2.0", "1.3.0"])
    await fixture.market.publish({ name: HELLO, version, code: throwing });
  const host = await fixture.open();
  await host.install(HELLO, { grant: "requested", version: "1.0.0" });
  let tried = 0;
  const load = startLoad(host, (done) => done >= 2_000 && tried === 3);
  for (const version of ["1.1.0", "1.2.0", "1.3.0"]) {
    expect(await codeOf(host.update(HELLO, { version }))).toBe("plugin_threw");
    tried += 1;
  }
  await load.ended;
  expect(load.failed).toEqual([]);
  expect([...load.answered.keys()]).toEqual(["1.0.0"]);
  expect(host.plugin(HELLO)).toMatchObject({ version: "1.0.0", state: "active" });
});

test("a call that is open when its version is replaced ends on that version", async () => {
  await publish(["1.0.0", "1.1.0"]);
  const host = await fixture.open();
  await host.install(HELLO, { grant: "requested", version: "1.0.0" });
  const held = host.call(HELLO, "held", [1_500]);
  // It has crossed when the plugin answers the next one.
  await host.call(HELLO, "echo", [0]);
  await host.update(HELLO);
  expect(await host.call(HELLO, "echo", [1])).toEqual(["1.1.0", 1]);
  expect(await held).toBe("1.0.0");
});

test(
  "a call that outlasts the time to drain is ended, and says so",
  { timeout: 40_000 },
  async () => {
    await publish(["1.0.0", "1.1.0"]);
    const host = await fixture.open();
    await host.install(HELLO, { grant: "requested", version: "1.0.0" });
    const startedAt = performance.now();
    const held = codeOf(host.call(HELLO, "held", [60_000], { deadlineMs: 60_000 }));
    await host.call(HELLO, "echo", [0]);
    await host.update(HELLO);
    expect(await held).toBe("plugin_not_active");
    const tookMs = performance.now() - startedAt;
    expect(tookMs).toBeGreaterThan(9_000);
    expect(tookMs).toBeLessThan(30_000);
  },
);

test("processes killed between updates cost the calls that were open in them and no others", async () => {
  await publish(VERSIONS);
  let runtime: PluginRuntime | undefined;
  const host = await fixture.open({ createRuntime: (asks) => (runtime = createSupervisor(asks)) });
  const ids = new Set<string>();
  runtime?.on("state", ({ plugin, state }) => {
    if (state === "loaded") ids.add(plugin);
    if (state === "unloaded") ids.delete(plugin);
  });
  await host.install(HELLO, { grant: "requested", version: "1.0.0" });
  let updated = 1;
  const killed = new Set<number>();
  const load = startLoad(host, (done) => done >= 3_000 && updated === VERSIONS.length);
  for (const version of VERSIONS.slice(1)) {
    const before = load.done();
    // The version before may still be draining, in a process of its own.
    for (const id of ids) {
      const pid = runtime?.usage(id)?.pid;
      if (pid === undefined || killed.has(pid)) continue;
      process.kill(pid, "SIGKILL");
      killed.add(pid);
    }
    while (load.done() < before + 200) await sleep(5);
    await host.update(HELLO, { version });
    updated += 1;
  }
  await load.ended;
  expect(new Set(load.failed)).toEqual(new Set(["plugin_crashed"]));
  expect(load.failed.length).toBeLessThanOrEqual(killed.size * IN_FLIGHT);
  expect(host.plugin(HELLO)).toMatchObject({ version: "1.4.0", state: "active" });
  expect(await host.call(HELLO, "echo", [1])).toEqual(["1.4.0", 1]);
});
