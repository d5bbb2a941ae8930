import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { satisfies } from "@rising-bsm/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { PluginHost } from "../host.ts";
import { KIND } from "./rows.ts";
import { createSqliteStore } from "../store/sqlite-store.ts";
import { bundlesOnDisk } from "../testing/expectations.ts";
import { createHostFixture, type HostFixture } from "../testing/host-fixture.ts";

const KILLS = 12;
/** Kills are made later and later until they have met this many different steps. */
const STEPS = 3;
const SET = ["@acme/base", "@acme/middle", "@acme/top"];

let fixture: HostFixture;
let child: ChildProcess | undefined;
beforeEach(async () => {
  fixture = await createHostFixture();
  const code = `export default { async onInstall() { await this.api.storage.set("installed", true); },
    methods: { async installed() { return this.api.storage.get("installed"); } } };`;
  const { market } = fixture;
  const release = (name: string, version: string, dependencies: Record<string, string>) =>
    market.publish({ name, version, dependencies, code: `${code} // ${version}` });
  await release("@acme/base", "1.0.0", {});
  await release("@acme/middle", "1.0.0", { "@acme/base": "*" });
  await release("@acme/middle", "1.1.0", { "@acme/base": "*" });
  await release("@acme/top", "1.0.0", { "@acme/middle": "1.0.0" });
  await release("@acme/top", "1.1.0", { "@acme/middle": "1.1.0" });
});
afterEach(async () => {
  child?.kill("SIGKILL");
  await fixture.close();
});

/** Runs the installing program until a random moment, then kills it without a warning. */
async function runAndKill(withinMs: number): Promise<string> {
  const { dataDir, market } = fixture;
  const rootFile = join(dataDir, "anchor.json");
  await writeFile(rootFile, market.root);
  const program = new URL("../testing/install-forever.ts", import.meta.url).pathname;
  child = spawn(process.execPath, [program, dataDir, market.url, rootFile], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let last = "";
  child.stdout?.on("data", (chunk) => (last = String(chunk).trim().split("\n").at(-1) ?? last));
  if (child.stdout !== null) await once(child.stdout, "data");
  await sleep(Math.random() * withinMs);
  expect(child.exitCode).toBeNull();
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
  return last;
}

test(`a host killed at ${KILLS} random moments has its plugins whole or not at all`, async () => {
  const killedAt = new Set<string>();
  for (let kill = 0; kill < KILLS || (killedAt.size < STEPS && kill < 4 * KILLS); kill++) {
    const step = await runAndKill(400 + 50 * kill);
    killedAt.add(step.split(" ")[0] ?? "");
    const host = await fixture.open();
    await expectWhole(host);
    const plugins = host.plugins();
    await host.close();
    const kept = new Set(
      plugins.flatMap(({ version, previousVersion, name }) => [
        `${name} ${version}`,
        `${name} ${previousVersion ?? version}`,
      ]),
    );
    expect(await bundlesOnDisk(fixture.dataDir)).toHaveLength(kept.size);
    await expectNothingLeftOver(plugins.map(({ name }) => name));
  }
  expect(killedAt.size).toBeGreaterThanOrEqual(STEPS);
}, 240_000);

/** Every plugin runs and finds what it needs, in the version that it needs. */
async function expectWhole(host: PluginHost): Promise<void> {
  const versions = new Map(host.plugins().map(({ name, version }) => [name, version]));
  for (const { name, state, dependencies } of host.plugins()) {
    expect(state).toBe("active");
    expect(await host.call(name, "installed")).toBe(true);
    for (const [needed, range] of Object.entries(dependencies)) {
      expect(satisfies(versions.get(needed) ?? "", range)).toBe(true);
    }
  }
}

async function expectNothingLeftOver(installed: readonly string[]): Promise<void> {
  const store = createSqliteStore(join(fixture.dataDir, "host.sqlite"));
  expect(await store.list(KIND.journal)).toEqual([]);
  for (const name of SET.filter((one) => !installed.includes(one))) {
    expect(await store.list(`plugin-storage:${name}`)).toEqual([]);
  }
  await store.close();
}
