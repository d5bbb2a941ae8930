import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packBundle } from "@rising-bsm/protocol";
import { afterEach, expect, test } from "vitest";
import { codeOf, greeter, HELLO, throwing } from "./expectations.ts";
import { createTestHost, type TestHost, type TestHostOptions } from "./index.ts";
import { filesOf } from "./static-marketplace.ts";

const hosts: TestHost[] = [];
async function start(options: TestHostOptions): Promise<TestHost> {
  const host = await createTestHost(options);
  hosts.push(host);
  return host;
}
afterEach(async () => {
  for (const host of hosts.splice(0)) await host.close();
});

const files = filesOf({
  name: HELLO,
  version: "1.0.0",
  permissions: ["customers.view"],
  code: greeter("1.0.0"),
});

test("a plugin runs from files, from a bundle and from a folder", async () => {
  const dir = await mkdtemp(join(tmpdir(), "rbsm-test-host-"));
  for (const [name, bytes] of files) await writeFile(join(dir, name), bytes);
  for (const plugin of [{ files }, { bundle: packBundle(files) }, { dir }]) {
    const host = await start(plugin);
    expect(await host.call("customers")).toBe(20);
    expect(await host.call("stored", ["installed"])).toBe("1.0.0");
  }
  await rm(dir, { recursive: true });
  expect(await codeOf(start({ dir }))).toBe("usage");
});

test("withheld permissions are denied and listed", async () => {
  for (const withheld of [
    { grant: "none" },
    { deny: ["customers.view"] },
    { grant: [] },
  ] as const) {
    const host = await start({ files, ...withheld });
    expect(await codeOf(host.call("customers"))).toBe("permission_denied");
    expect(host.denied()).toEqual([
      { plugin: HELLO, method: "customers.list", permission: "customers.view" },
    ]);
  }
});

test("a call says what it used and logged, a request crosses whole", async () => {
  const host = await start({ files });
  const outcome = await host.run("greet", ["Ada"]);
  expect(outcome).toMatchObject({
    result: "Hello Ada from 1.0.0",
    usage: { wallMs: expect.any(Number) },
    logs: [],
  });
  const response = await host.request(
    new Request("http://plugin/some/where", { method: "POST", body: "x" }),
  );
  expect(await response.json()).toMatchObject({ path: "/some/where" });
  expect(host.logs()).toMatchObject([{ message: "active 1.0.0" }]);
  expect(await host.usage()).toMatchObject({ failures: 0 });
});

test("events of the simulated business reach the plugin, and other plugins can be called", async () => {
  const listener = filesOf({
    name: "@acme/listener",
    version: "1.0.0",
    permissions: ["customers.view"],
    dependencies: { [HELLO]: "*" },
    manifest: { hooks: ["customers.created"] },
    code: `export default { hooks: { async "customers.created"(event) { await this.api.storage.set("name", event.customer.name); } },
      methods: { async name() { return this.api.plugins.call("${HELLO}", "greet", await this.api.storage.get("name")); } } };`,
  });
  const host = await start({ files: listener, plugins: [{ files }] });
  expect(await host.hook("customers.created", { customer: { name: "Ada" } })).toEqual([
    { plugin: "@acme/listener", ok: true },
  ]);
  expect(await host.call("name")).toBe("Hello Ada from 1.0.0");
});

test("a plugin that cannot be activated says why, and endless work ends", async () => {
  expect(
    await codeOf(start({ files: filesOf({ name: HELLO, version: "1.0.0", code: throwing }) })),
  ).toBe("plugin_threw");
  const endless = `export default { methods: { spin() { for (;;) {} }, wait() { return new Promise(() => {}); } } };`;
  const host = await start({ files: filesOf({ name: HELLO, version: "1.0.0", code: endless }) });
  expect(await codeOf(host.call("spin", [], { deadlineMs: 5_000 }))).toBe("limit_cpu");
  expect(await codeOf(host.call("wait", [], { deadlineMs: 200 }))).toBe("limit_wall");
});
