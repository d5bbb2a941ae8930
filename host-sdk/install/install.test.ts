import { afterEach, beforeEach, expect, test } from "vitest";
import { bundlesOnDisk, codeOf, greeter, HELLO, throwing } from "../testing/expectations.ts";
import { createHostFixture, type HostFixture } from "../testing/host-fixture.ts";

let fixture: HostFixture;
beforeEach(async () => {
  fixture = await createHostFixture();
});
afterEach(() => fixture.close());

/** Nothing of an installation may be left: no plugin, no bundle. */
async function expectNothingInstalled(host: { plugins(): unknown[] }): Promise<void> {
  expect(host.plugins()).toEqual([]);
  expect(await bundlesOnDisk(fixture.dataDir)).toEqual([]);
}

test("a plugin is installed from the marketplace and called", async () => {
  await fixture.market.publish({ name: HELLO, version: "1.0.0", code: greeter("1.0.0") });
  const host = await fixture.open();
  const steps: string[] = [];
  const plugin = await host.install(HELLO, {
    grant: "requested",
    onProgress: ({ step }) => steps.push(step),
  });
  expect(plugin).toMatchObject({ name: HELLO, version: "1.0.0", state: "active", reason: null });
  expect([...new Set(steps)]).toEqual([
    "resolve",
    "check",
    "download",
    "verify",
    "install",
    "activate",
    "record",
  ]);
  expect(await host.call(HELLO, "greet", ["Ada"])).toBe("Hello Ada from 1.0.0");
  expect(await host.call(HELLO, "stored", ["installed"])).toBe("1.0.0");
  expect(host.logs(HELLO)).toMatchObject([{ level: "info", message: "active 1.0.0" }]);
  expect(await host.usage(HELLO)).toMatchObject({ failures: 0, storageKeys: 1 });
  expect(await host.verify(HELLO)).toMatchObject({ ok: true, plugin: HELLO, version: "1.0.0" });
});

test("an installed plugin is there after a restart, without the marketplace", async () => {
  await fixture.market.publish({ name: HELLO, version: "1.0.0", code: greeter("1.0.0") });
  const first = await fixture.open();
  await first.install(HELLO, { grant: "requested" });
  await first.close();
  await fixture.market.close();
  const second = await fixture.open();
  expect(second.plugin(HELLO)).toMatchObject({ state: "active", version: "1.0.0" });
  expect(await second.call(HELLO, "greet", ["Ada"])).toBe("Hello Ada from 1.0.0");
  expect(await second.call(HELLO, "stored", ["installed"])).toBe("1.0.0");
});

test("dependencies are installed with it, and plugins call each other", async () => {
  const { market } = fixture;
  await market.publish({
    name: "@acme/math",
    version: "1.4.0",
    code: `export default { methods: { add(a, b) { return a + b; } } };`,
  });
  await market.publish({
    name: HELLO,
    version: "1.0.0",
    dependencies: { "@acme/math": "^1.0.0" },
    code: `export default { methods: { async sum() { return this.api.plugins.call("@acme/math", "add", 2, 3); } },
      async onActivate() { if (await this.api.plugins.call("@acme/math", "add", 1, 1) !== 2) throw new Error("no math"); } };`,
  });
  const host = await fixture.open();
  await host.install(HELLO, { grant: "requested" });
  expect(host.plugins().map(({ name, direct }) => [name, direct])).toEqual([
    [HELLO, true],
    ["@acme/math", false],
  ]);
  expect(await host.call(HELLO, "sum")).toBe(5);
  expect(await codeOf(host.uninstall("@acme/math", { keepData: false }))).toBe("conflict_state");
});

test("a plugin that throws in onActivate takes the whole set back out", async () => {
  const { market } = fixture;
  await market.publish({ name: "@acme/math", version: "1.0.0", code: greeter("1.0.0") });
  await market.publish({
    name: HELLO,
    version: "1.0.0",
    dependencies: { "@acme/math": "*" },
    code: throwing,
  });
  const host = await fixture.open();
  await expect(host.install(HELLO, { grant: "requested" })).rejects.toMatchObject({
    code: "plugin_threw",
    message: expect.stringContaining("no luck today"),
  });
  await expectNothingInstalled(host);
  expect(await codeOf(host.call("@acme/math", "greet", [""]))).toBe("plugin_not_found");
  await host.install("@acme/math", { grant: "requested" });
  expect(await host.call("@acme/math", "stored", ["installed"])).toBe("1.0.0");
});

test("conflicting requirements are reported with everyone who has them", async () => {
  const { market } = fixture;
  await market.publish({ name: "@acme/base", version: "1.0.0" });
  await market.publish({ name: "@acme/base", version: "2.0.0" });
  await market.publish({
    name: "@acme/old",
    version: "1.0.0",
    dependencies: { "@acme/base": "^1.0.0" },
  });
  await market.publish({
    name: "@acme/new",
    version: "1.0.0",
    dependencies: { "@acme/base": "^2.0.0" },
  });
  const host = await fixture.open();
  await host.install("@acme/old", { grant: "requested" });
  await expect(host.install("@acme/new", { grant: "requested" })).rejects.toMatchObject({
    code: "dependency_conflict",
    message: expect.stringMatching(
      /@acme\/new@1\.0\.0 needs \^2\.0\.0.*@acme\/old@1\.0\.0 needs \^1\.0\.0/,
    ),
  });
  expect(await host.call("@acme/base", "version")).toBe("1.0.0");
});

test("what does not exist, or does not fit this host, has its own code", async () => {
  const { market } = fixture;
  await market.publish({
    name: HELLO,
    version: "1.0.0",
    manifest: { engines: { runtime: "^9.0.0" } },
  });
  await market.publish({
    name: "@acme/lost",
    version: "1.0.0",
    dependencies: { "@acme/nowhere": "*" },
  });
  const host = await fixture.open();
  expect(await codeOf(host.install("@acme/none", { grant: "requested" }))).toBe("plugin_not_found");
  expect(await codeOf(host.install("@acme/lost", { grant: "requested", version: "3.0.0" }))).toBe(
    "plugin_not_found",
  );
  expect(await codeOf(host.install("@acme/lost", { grant: "requested" }))).toBe(
    "dependency_missing",
  );
  expect(await codeOf(host.install(HELLO, { grant: "requested" }))).toBe("trust_incompatible");
  expect(await codeOf(host.call(HELLO, "greet"))).toBe("plugin_not_found");
  await expectNothingInstalled(host);
});

test("a required permission that is not granted stops the installation, an optional one does not", async () => {
  const permissions = ["customers.view", { code: "notifications.send", optional: true }];
  await fixture.market.publish({
    name: HELLO,
    version: "1.0.0",
    permissions,
    code: greeter("1.0.0"),
  });
  const host = await fixture.open();
  await expect(host.install(HELLO, { grant: [] })).rejects.toMatchObject({
    code: "permission_not_granted",
    detail: { findings: [{ path: "permissions[0]", message: "customers.view is not granted" }] },
  });
  await expectNothingInstalled(host);
  const actor = { id: "7", permissions: "all" } as const;
  const plugin = await host.install(HELLO, { grant: ["customers.view"], actor });
  expect(plugin).toMatchObject({ grants: ["customers.view"], approvedBy: "7" });
  expect(await host.call(HELLO, "customers")).toBe(20);
  const guest = { id: "8", permissions: ["plugin.view"] };
  expect(await codeOf(host.call(HELLO, "customers", [], { actor: guest }))).toBe(
    "permission_denied",
  );
});

test("a paid plugin without a license is not downloaded", async () => {
  const { market } = fixture;
  const pricing = { plans: [{ id: "pro", kind: "subscription" }] };
  const { sha256 } = await market.publish({
    name: HELLO,
    version: "1.0.0",
    paid: true,
    manifest: { pricing },
  });
  const host = await fixture.open();
  expect(await codeOf(host.install(HELLO, { grant: "requested" }))).toBe("license_required");
  expect(market.requests).not.toContain(`/b/${sha256}.rbsm`);
  await expectNothingInstalled(host);
});

test("a plugin that the catalogue calls free and its manifest does not is refused", async () => {
  const pricing = { plans: [{ id: "pro", kind: "subscription" }] };
  await fixture.market.publish({ name: HELLO, version: "1.0.0", manifest: { pricing } });
  const host = await fixture.open();
  expect(await codeOf(host.install(HELLO, { grant: "requested" }))).toBe("manifest_mismatch");
  await expectNothingInstalled(host);
});

test("a plugin cannot make itself a system plugin", async () => {
  const manifest = { type: "system" };
  await fixture.market.publish({
    name: HELLO,
    version: "1.0.0",
    manifest,
    permissions: ["plugins.manage"],
  });
  const host = await fixture.open();
  expect(await codeOf(host.install(HELLO, { grant: "requested" }))).toBe("permission_denied");
  await expectNothingInstalled(host);
});

test("what an administrator forbids on a host nobody can grant", async () => {
  await fixture.market.publish({ name: HELLO, version: "1.0.0", permissions: ["customers.view"] });
  const host = await fixture.open({ permissions: ["appointments.view"] });
  expect(await codeOf(host.install(HELLO, { grant: "requested" }))).toBe("permission_not_granted");
});

test("settings nobody has entered are the manifest's defaults", async () => {
  const config = { type: "object", properties: { minutes: { type: "integer", default: 15 } } };
  const code = `export default { methods: { minutes() { return this.api.config.minutes; } } };`;
  await fixture.market.publish({ name: HELLO, version: "1.0.0", code, manifest: { config } });
  const host = await fixture.open();
  await host.install(HELLO, { grant: "requested" });
  expect(await host.call(HELLO, "minutes")).toBe(15);
});

test("installing what is installed adds grants and remembers that it was asked for", async () => {
  const { market } = fixture;
  const permissions = [{ code: "customers.view", optional: true }];
  await market.publish({ name: HELLO, version: "1.0.0", permissions, code: greeter("1.0.0") });
  await market.publish({ name: "@acme/top", version: "1.0.0", dependencies: { [HELLO]: "*" } });
  const host = await fixture.open();
  await host.install("@acme/top", { grant: [] });
  expect(host.plugin(HELLO)).toMatchObject({ direct: false, grants: [] });
  expect(await codeOf(host.call(HELLO, "customers"))).toBe("permission_denied");
  expect(await host.install(HELLO, { grant: "requested" })).toMatchObject({
    direct: true,
    grants: ["customers.view"],
  });
  expect(await host.call(HELLO, "customers")).toBe(20);
});
