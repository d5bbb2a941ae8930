import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { codeOf } from "../host-sdk/testing/expectations.ts";
import { openHost } from "../host-sdk/testing/host-fixture.ts";
import {
  startStaticMarketplace,
  type StaticMarketplace,
} from "../host-sdk/testing/static-marketplace.ts";
import { serveFiles } from "../host-sdk/testing/serve-files.ts";
import { type CliRun, runCli, temporaryFolder } from "../packages/cli/fixtures/run-cli.ts";

const HELLO = "@acme/hello";
const BASE = "@acme/base";

let market: StaticMarketplace;
let home: string;
let folder: string;

beforeEach(async () => {
  market = await startStaticMarketplace();
  home = await temporaryFolder();
  folder = join(home, "mirror");
  await writeFile(join(home, "root.json"), market.root);
  await market.publish({ name: BASE, version: "1.0.0" });
  await market.publish({ name: BASE, version: "1.1.0" });
  await market.publish({ name: HELLO, version: "1.0.0", dependencies: { [BASE]: "^1.0.0" } });
  await market.publish({ name: "@other/thing", version: "1.0.0" });
});
afterEach(() => market.close());

function mirror(...args: readonly string[]): Promise<CliRun> {
  const fixed = ["mirror", folder, "--root", "root.json", "--json"];
  const url = args.includes("--url") ? [] : ["--url", market.url];
  return runCli([...fixed, ...url, ...args], { home });
}

/** Installs from an address on a fresh host whose network is a function that this test owns. */
async function install(url: string, name = HELLO): Promise<string> {
  const dataDir = await temporaryFolder();
  const host = await openHost({ url, root: market.root, dataDir });
  try {
    await host.install(name, { grant: "requested" });
    return String(await host.call(name, "version"));
  } finally {
    await host.close();
  }
}

async function mirrored(): Promise<Map<string, Uint8Array>> {
  const names = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = names.filter((entry) => entry.isFile());
  const read = files.map(async (entry): Promise<[string, Uint8Array]> => {
    const path = join(entry.parentPath, entry.name);
    return [path.slice(folder.length), await readFile(path)];
  });
  return new Map(await Promise.all(read));
}

test("a host installs from the folder of a mirror, dependencies too, with no network at all", async () => {
  const run = await mirror(HELLO);
  expect(run.json()).toMatchObject({
    ok: true,
    releases: [
      { plugin: BASE, version: "1.1.0", bundle: true },
      { plugin: HELLO, version: "1.0.0", bundle: true },
    ],
    leftOut: [],
    log: { size: 4 },
  });
  await market.close();
  expect(await install(folder)).toBe("1.0.0");
  expect(await codeOf(install(folder, "@other/thing"))).not.toBe("ok");
});
