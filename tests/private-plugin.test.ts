import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { licenseResultSchema } from "@rising-bsm/protocol";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { PluginHost } from "../host-sdk/host.ts";
import { codeOf } from "../host-sdk/testing/expectations.ts";
import { openHost } from "../host-sdk/testing/host-fixture.ts";
import { postJson } from "../scripts/demo/http.ts";
import { type PublishedMarketplace, startPublishedMarketplace } from "./published-marketplace.ts";

const SECRET = "@acme/secret";
const VEILED = "@acme/veiled";
const NEEDY = "@acme/needy";
const CHANGING = "@acme/changing";

let home: string;
let root: Uint8Array;
let market: PublishedMarketplace;
let host: PluginHost;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "rbsm-private-"));
  market = await startPublishedMarketplace(home);
  root = await readFile(market.rootFile);
  await publish(SECRET, "1.0.0", { visibility: "private" });
  await publish(VEILED, "1.0.0", { visibility: "unlisted" });
  await publish(NEEDY, "1.0.0", { dependencies: { [SECRET]: "^1.0.0" } });
  await publish(CHANGING, "1.0.0", {});
});
beforeEach(async () => {
  const dataDir = await mkdtemp(join(home, "data-"));
  host = await openHost({ url: market.url, root, dataDir, runSchedules: false });
});
afterEach(() => host.close());
afterAll(async () => {
  await market.worker.harness.close();
  await rm(home, { recursive: true, force: true });
});

async function publish(name: string, version: string, more: object): Promise<void> {
  const folder = join(home, `${name.slice(6)}-${version}`);
  const rest = { main: "index.js", permissions: [], dependencies: {}, ...more };
  await mkdir(folder);
  await writeFile(join(folder, "manifest.json"), JSON.stringify({ name, version, ...rest }));
  const code = `export default { methods: { version() { return "${version}"; } } };`;
  await writeFile(join(folder, "index.js"), code);
  await market.cli("deploy", folder);
}

async function issue(plugin: string) {
  const order = { plugin, plan: "access" };
  const answer = await postJson(`${market.url}/v1/licenses`, order, { token: market.adminToken });
  return licenseResultSchema.parse(answer);
}

async function act(licenseId: string, change: string): Promise<void> {
  const url = `${market.url}/v1/licenses/${licenseId}/${change}`;
  await postJson(url, {}, { token: market.adminToken });
}

const install = (plugin: string, more: object = {}) =>
  host.install(plugin, { grant: "requested", ...more });

describe.each([SECRET, VEILED])("%s", (plugin) => {
  test("is installed with its own license key alone, and not after its return", async () => {
    const other = await issue(plugin === SECRET ? VEILED : SECRET);
    expect(await codeOf(install(plugin))).toBe("license_required");
    expect(await codeOf(install(plugin, other))).toBe("license_refused");
    expect(host.plugins()).toEqual([]);

    const { licenseKey } = await issue(plugin);
    await install(plugin, { licenseKey });
    expect(await host.call(plugin, "version")).toBe("1.0.0");
    expect(host.license(plugin)).toMatchObject({ state: "active", kind: "free" });
    await host.returnLicense(plugin);
    await host.uninstall(plugin, { keepData: false });
    expect(await codeOf(install(plugin))).toBe("license_required");
  });
});

test("a plugin that needs a private one is installed once that one is licensed", async () => {
  await expect(install(NEEDY)).rejects.toMatchObject({
    code: "license_required",
    message: `${SECRET} needs a license key`,
    detail: { plugin: SECRET, fix: expect.stringContaining(SECRET) },
  });
  expect(host.plugins()).toEqual([]);
  const { licenseKey } = await issue(SECRET);
  await install(SECRET, { licenseKey });
  await install(NEEDY);
  expect(host.plugins().map(({ name }) => name)).toEqual([NEEDY, SECRET]);
});

test("a plugin that becomes private stays as it is until there is a license, and is updated with one", async () => {
  await install(CHANGING);
  await publish(CHANGING, "1.1.0", { visibility: "private" });
  expect(await codeOf(host.update(CHANGING))).toBe("license_required");
  expect(await host.call(CHANGING, "version")).toBe("1.0.0");
  const { licenseId, licenseKey } = await issue(CHANGING);
  await host.activateLicense(CHANGING, licenseKey);
  await host.update(CHANGING);
  expect(await host.call(CHANGING, "version")).toBe("1.1.0");

  await publish(CHANGING, "1.2.0", { visibility: "private" });
  await act(licenseId, "revoke");
  await expect(host.update(CHANGING)).rejects.toMatchObject({
    code: "license_refused",
    message: expect.stringContaining("was revoked"),
  });
  expect(await host.call(CHANGING, "version")).toBe("1.1.0");
});

test("the command line shows a private plugin to its publisher and mirrors no bytes of it", async () => {
  const shown = await market.cli("info", SECRET);
  expect(shown).toMatchObject({ plugin: { visibility: "private" }, versions: [{}] });
  const copied = ["mirror", join(home, "mirror"), NEEDY, "--root", market.rootFile];
  expect(await market.cli(...copied)).toMatchObject({
    releases: [
      { plugin: SECRET, bundle: false },
      { plugin: NEEDY, bundle: true },
    ],
  });
});
