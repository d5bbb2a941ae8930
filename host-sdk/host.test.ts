import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packBundle, signBundle } from "@rising-bsm/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createPluginHost, type PluginHost } from "./host.ts";
import type { HostOptions } from "./host-options.ts";
import { codeOf } from "./testing/expectations.ts";
import { filesOf, randomKey, startStaticMarketplace } from "./testing/static-marketplace.ts";

let folder: string;
let hosts: PluginHost[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "rbsm-host-"));
  hosts = [];
});
afterEach(async () => {
  for (const host of hosts) await host.close();
  await rm(folder, { recursive: true, force: true });
});

async function open(options: Partial<HostOptions> = {}): Promise<PluginHost> {
  const host = await createPluginHost({ dataDir: join(folder, "not", "there", "yet"), ...options });
  hosts.push(host);
  return host;
}

const CODE = `export default class {
  add(name) { return this.api.customers.create({ name }).then((customer) => customer.id); }
  async names() { return (await this.api.customers.list({ limit: 100 })).items.map((c) => c.name); }
}`;

test("a data directory is all a host needs: it keeps rows and a simulated business there", async () => {
  const key = await randomKey();
  const permissions = ["customers.view", "customers.create"];
  const release = { name: "@acme/tryout", version: "1.0.0", code: CODE, permissions };
  const bundle = packBundle(await signBundle(filesOf(release), key));
  const developerMode = { trust: [key.publicKey] };
  const host = await open({ developerMode });
  await host.sideload(bundle, { grant: "requested" });
  await host.call("@acme/tryout", "add", ["Ada Lovelace"]);
  await host.close();
  const again = await open({ developerMode });
  const names = await again.call("@acme/tryout", "names");
  expect(names).toHaveLength(21);
  expect(names).toContain("Ada Lovelace");
});

test("a host that could not be opened leaves nothing open behind it", async () => {
  const root = new TextEncoder().encode("{}");
  const broken = open({ marketplace: { url: "http://127.0.0.1:1", root } });
  expect(await codeOf(broken)).toBe("trust_root_invalid");
  expect((await open()).plugins()).toEqual([]);
});

test("a data directory that cannot be one is said to be it", async () => {
  const file = join(folder, "file");
  await writeFile(file, "");
  expect(await codeOf(open({ dataDir: file }))).toBe("usage");
  expect(await codeOf(open({ dataDir: join(file, "below") }))).toBe("usage");
});

test("the root may be a Buffer that is a view of a larger one", async () => {
  const market = await startStaticMarketplace();
  try {
    await market.publish({ name: "@acme/hello", version: "1.0.0" });
    const larger = Buffer.concat([Buffer.from("before"), market.root, Buffer.from("after")]);
    const root = larger.subarray(6, 6 + market.root.length);
    const host = await open({ marketplace: { url: market.url, root } });
    await host.install("@acme/hello", { grant: "requested" });
    await host.close();
    const again = await open({
      marketplace: { url: `${market.url}/`, root: new Uint8Array(root) },
    });
    expect(await again.call("@acme/hello", "version")).toBe("1.0.0");
    expect(await again.checkForUpdates()).toEqual([]);
  } finally {
    await market.close();
  }
});

test.each<[string, unknown]>([
  ["dataDir", { dataDir: "" }],
  ["dataDir", { dataDir: 5 }],
  ["limits.cpuMs", { limits: { cpuMs: Number.NaN } }],
  ["limits.memoryMb", { limits: { memoryMb: "64" } }],
  ["limits.wallMs", { limits: { wallMs: -1 } }],
  ["limits.perMinute.writes", { limits: { perMinute: { writes: Number.NaN } } }],
  ["idleMs", { idleMs: -1 }],
  ["developerMode", { developerMode: true }],
  ["permissions", { permissions: "customers.view" }],
  ["marketplace.root", { marketplace: { url: "http://127.0.0.1:1", root: "{}" } }],
])("an option that is none is named: %s", async (path, wrong) => {
  const opening: Promise<unknown> = Reflect.apply(open, null, [wrong]);
  await expect(opening).rejects.toMatchObject({
    code: "usage",
    message: expect.stringContaining(`options.${path}`),
  });
});

test("what an application without types passes is usage, and never another kind of error", async () => {
  const key = await randomKey();
  const release = { name: "@acme/tryout", version: "1.0.0", code: CODE };
  const bundle = packBundle(await signBundle(filesOf(release), key));
  const host = await open({ developerMode: { trust: [key.publicKey] } });
  const ask = (method: keyof PluginHost, ...args: unknown[]) =>
    codeOf(Promise.resolve().then(() => Reflect.apply(host[method], host, args)));
  expect(await ask("sideload", bundle, { grant: "all" })).toBe("usage");
  expect(await ask("install", "@acme/tryout", { grant: null })).toBe("usage");
  await host.sideload(bundle, { grant: "requested" });
  expect(await ask("call", "@acme/tryout", undefined)).toBe("usage");
  expect(await ask("call", "@acme/tryout", "names", [], { signal: {} })).toBe("usage");
  expect(await ask("on", "stat", () => undefined)).toBe("usage");
  expect(await ask("on", "state", null)).toBe("usage");
});
