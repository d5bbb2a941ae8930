import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { base64url, bundlePath, type Json, packBundle, signBundle } from "@rising-bsm/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { bundlesOnDisk, codeOf, greeter, HELLO, throwing } from "../testing/expectations.ts";
import { createHostFixture, type HostFixture } from "../testing/host-fixture.ts";
import { filesOf, randomKey } from "../testing/static-marketplace.ts";

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

test("an update switches when the new version is active, and a failing one leaves the old", async () => {
  const { market } = fixture;
  await market.publish({ name: HELLO, version: "1.0.0", code: greeter("1.0.0") });
  const host = await fixture.open();
  await host.install(HELLO, { grant: "requested" });
  await market.publish({ name: HELLO, version: "1.1.0", code: throwing });
  expect(await codeOf(host.update(HELLO))).toBe("plugin_threw");
  expect(host.plugin(HELLO)).toMatchObject({ version: "1.0.0", state: "active" });
  expect(await host.call(HELLO, "greet", ["Ada"])).toBe("Hello Ada from 1.0.0");
  expect((await bundlesOnDisk(fixture.dataDir)).length).toBe(1);
  await market.publish({ name: HELLO, version: "1.2.0", code: greeter("1.2.0") });
  expect(await host.checkForUpdates()).toMatchObject([
    { plugin: HELLO, from: "1.0.0", to: "1.2.0" },
  ]);
  expect(await host.update(HELLO)).toMatchObject({ version: "1.2.0", previousVersion: "1.0.0" });
  expect(await host.call(HELLO, "greet", ["Ada"])).toBe("Hello Ada from 1.2.0");
  expect(await host.call(HELLO, "stored", ["updated"])).toBe("1.0.0 to 1.2.0");
  expect(await host.rollback(HELLO)).toMatchObject({ version: "1.0.0" });
  expect(await host.call(HELLO, "greet", ["Ada"])).toBe("Hello Ada from 1.0.0");
  expect(await host.checkForUpdates()).toHaveLength(1);
});

test("no call is lost while versions change", async () => {
  const { market } = fixture;
  await market.publish({ name: HELLO, version: "1.0.0", code: greeter("1.0.0") });
  await market.publish({ name: HELLO, version: "1.1.0", code: greeter("1.1.0") });
  const host = await fixture.open();
  await host.install(HELLO, { grant: "requested", version: "1.0.0" });
  const updated = new AbortController();
  const answers = new Set<Json>();
  const caller = async () => {
    while (!updated.signal.aborted) answers.add(await host.call(HELLO, "greet", ["Ada"]));
  };
  const callers = Array.from({ length: 8 }, caller);
  await host.update(HELLO);
  answers.add(await host.call(HELLO, "greet", ["Ada"]));
  updated.abort();
  await Promise.all(callers);
  expect(answers).toEqual(new Set(["Hello Ada from 1.0.0", "Hello Ada from 1.1.0"]));
});

test("an update that wants more waits for the grant", async () => {
  const { market } = fixture;
  await market.publish({ name: HELLO, version: "1.0.0" });
  const host = await fixture.open();
  await host.install(HELLO, { grant: "requested" });
  await market.publish({ name: HELLO, version: "2.0.0", permissions: ["customers.view"] });
  expect(await host.checkForUpdates()).toMatchObject([{ newPermissions: ["customers.view"] }]);
  expect(await codeOf(host.update(HELLO))).toBe("permission_not_granted");
  expect(await host.call(HELLO, "version")).toBe("1.0.0");
  expect(await host.update(HELLO, { acceptGrants: ["customers.view"] })).toMatchObject({
    grants: ["customers.view"],
  });
});

test("a plugin that the marketplace no longer has does not hide the updates of others", async () => {
  const { market } = fixture;
  const host = await fixture.open();
  for (const name of [HELLO, "@acme/gone"]) {
    await market.publish({ name, version: "1.0.0" });
    await host.install(name, { grant: "requested" });
  }
  await market.publish({ name: HELLO, version: "1.1.0" });
  market.removeDocument("@acme/gone");
  expect(await host.checkForUpdates()).toMatchObject([
    { plugin: "@acme/gone", from: "1.0.0", to: null, problem: { code: "plugin_not_found" } },
    { plugin: HELLO, from: "1.0.0", to: "1.1.0", problem: null },
  ]);
});

test("disable, enable and uninstall, each told to listeners", async () => {
  await fixture.market.publish({ name: HELLO, version: "1.0.0", code: greeter("1.0.0") });
  const host = await fixture.open();
  const states: string[] = [];
  host.on("state", ({ state }) => void states.push(state));
  await host.install(HELLO, { grant: "requested" });
  await host.disable(HELLO);
  expect(await codeOf(host.call(HELLO, "greet", ["Ada"]))).toBe("plugin_not_active");
  await host.enable(HELLO);
  expect(await host.call(HELLO, "stored", ["installed"])).toBe("1.0.0");
  await host.uninstall(HELLO, { keepData: true });
  expect(await codeOf(host.call(HELLO, "greet", ["Ada"]))).toBe("plugin_not_found");
  expect(states).toEqual(["active", "disabled", "active", "uninstalled"]);
  await expectNothingInstalled(host);
  await host.install(HELLO, { grant: "requested" });
  expect(await host.usage(HELLO)).toMatchObject({ storageKeys: 1 });
  await host.uninstall(HELLO, { keepData: false });
  await fixture.market.publish({ name: HELLO, version: "1.0.1" });
  await host.install(HELLO, { grant: "requested" });
  expect(await host.usage(HELLO)).toMatchObject({ storageKeys: 0 });
});

test("a bundle changed on disk fails alone", async () => {
  const { market, dataDir } = fixture;
  const { sha256 } = await market.publish({ name: HELLO, version: "1.0.0" });
  await market.publish({ name: "@acme/other", version: "1.0.0" });
  const first = await fixture.open();
  await first.install(HELLO, { grant: "requested" });
  await first.install("@acme/other", { grant: "requested" });
  await first.close();
  const file = join(dataDir, "bundles", `${sha256}.rbsm`);
  const bytes = await readFile(file);
  bytes[200] = (bytes[200] ?? 0) ^ 1;
  await writeFile(file, bytes);
  const second = await fixture.open();
  expect(second.plugin(HELLO)).toMatchObject({
    state: "failed",
    reason: { code: expect.stringMatching(/^bundle_/) },
  });
  expect(await codeOf(second.call(HELLO, "version"))).toBe("plugin_not_active");
  expect(await second.call("@acme/other", "version")).toBe("1.0.0");
  expect(await second.verify(HELLO)).toMatchObject({ ok: false });
});

test("installing again repairs a bundle that was changed or lost, and nothing else", async () => {
  const { market, dataDir } = fixture;
  const { sha256 } = await market.publish({
    name: HELLO,
    version: "1.0.0",
    code: greeter("1.0.0"),
  });
  const file = join(dataDir, "bundles", `${sha256}.rbsm`);
  const first = await fixture.open();
  await first.install(HELLO, { grant: "requested" });
  await writeFile(file, "changed while it runs");
  await first.install(HELLO);
  expect(await first.verify(HELLO)).toMatchObject({ ok: true });
  await first.close();
  await rm(file);
  const second = await fixture.open();
  expect(second.plugin(HELLO)).toMatchObject({ state: "failed" });
  expect(await second.install(HELLO)).toMatchObject({ state: "active", previousVersion: null });
  expect(await second.call(HELLO, "stored", ["installed"])).toBe("1.0.0");
  expect(await second.call(HELLO, "stored", ["updated"])).toBe(null);
});

test("a plugin whose bundle is gone from disk and marketplace is not reported as installed", async () => {
  const { market, dataDir } = fixture;
  const { sha256 } = await market.publish({ name: HELLO, version: "1.0.0" });
  const first = await fixture.open();
  await first.install(HELLO);
  await first.close();
  await rm(join(dataDir, "bundles", `${sha256}.rbsm`));
  market.files.delete(bundlePath(sha256));
  const second = await fixture.open();
  expect(await codeOf(second.install(HELLO))).not.toBe("ok");
  expect(second.plugin(HELLO)).toMatchObject({ state: "failed" });
});

test("what is no plugin's name is asked nobody for", async () => {
  const host = await fixture.open();
  const { length } = fixture.market.requests;
  for (const name of ["hello", "__proto__", "@a/../b", "@A/b", "@a/b/c", ""]) {
    expect(await codeOf(host.install(name))).toBe("plugin_not_found");
  }
  expect(fixture.market.requests).toHaveLength(length);
});

test("a closed host refuses everything that would use its data directory", async () => {
  await fixture.market.publish({ name: HELLO, version: "1.0.0" });
  const host = await fixture.open();
  await host.install(HELLO);
  await host.close();
  await host.close();
  expect(await codeOf(host.install(HELLO))).toBe("cancelled");
  expect(await codeOf(host.uninstall(HELLO))).toBe("cancelled");
  expect(await codeOf(host.usage(HELLO))).toBe("cancelled");
  expect(await codeOf(host.call(HELLO, "version"))).toBe("cancelled");
});

test("a second host on one data directory is refused", async () => {
  await fixture.open();
  expect(await codeOf(fixture.open())).toBe("conflict_locked");
});

test("a lock left by a process that is gone is taken over", async () => {
  await writeFile(
    join(fixture.dataDir, "lock"),
    JSON.stringify({ pid: process.pid, startTime: "1" }),
  );
  await (await fixture.open()).close();
  await writeFile(join(fixture.dataDir, "lock"), "{");
  await (await fixture.open()).close();
});

test("sideloading needs developer mode and a trusted key, but no marketplace", async () => {
  const { market } = fixture;
  const bytes = packBundle(
    await signBundle(
      filesOf({ name: HELLO, version: "1.0.0", code: greeter("1.0.0") }),
      market.publisher,
    ),
  );
  const strict = await fixture.open();
  expect(await codeOf(strict.sideload(bytes, { grant: "requested" }))).toBe("permission_denied");
  await strict.close();
  await market.close();
  const trust = [base64url(market.publisher.publicKey)];
  const open = await fixture.open({ developerMode: { trust } });
  expect(await open.sideload(bytes, { grant: "requested" })).toMatchObject({
    source: "sideload",
    state: "active",
  });
  expect(await open.call(HELLO, "greet", ["Ada"])).toBe("Hello Ada from 1.0.0");
  const strange = packBundle(
    await signBundle(filesOf({ name: HELLO, version: "2.0.0" }), await randomKey()),
  );
  expect(await codeOf(open.sideload(strange, { grant: "requested" }))).toBe(
    "signature_untrusted_key",
  );
  const unsigned = packBundle(filesOf({ name: HELLO, version: "2.0.0" }));
  expect(await codeOf(open.sideload(unsigned, { grant: "requested" }))).toBe("signature_missing");
  expect(await open.verify(HELLO)).toMatchObject({ ok: true });
});

test("events reach the plugins that ask for them and may see them", async () => {
  const code = `export default { hooks: { async "customers.created"(event) { await this.api.storage.set("seen", event.customer.name); } },
    methods: { async seen() { return this.api.storage.get("seen"); } } };`;
  const manifest = { hooks: ["customers.created"] };
  await fixture.market.publish({
    name: HELLO,
    version: "1.0.0",
    code,
    manifest,
    permissions: ["customers.view"],
  });
  await fixture.market.publish({ name: "@acme/blind", version: "1.0.0", code, manifest });
  const host = await fixture.open();
  await host.install(HELLO, { grant: "requested" });
  await host.install("@acme/blind", { grant: "requested" });
  const told = await host.emit("customers.created", { customer: { name: "Ada" } });
  expect(told).toEqual([{ plugin: HELLO, ok: true }]);
  expect(await host.call(HELLO, "seen")).toBe("Ada");
  expect(await codeOf(host.emit("customers.vanished", {}))).toBe("usage");
});
