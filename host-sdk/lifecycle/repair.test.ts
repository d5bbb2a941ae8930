import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { base64url, BUNDLE_LIMITS, packBundle, signBundle } from "@rising-bsm/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { codeOf, greeter, HELLO } from "../testing/expectations.ts";
import { createHostFixture, type HostFixture } from "../testing/host-fixture.ts";
import { filesOf } from "../testing/static-marketplace.ts";

let fixture: HostFixture;
beforeEach(async () => {
  fixture = await createHostFixture();
});
afterEach(() => fixture.close());

const bundleFile = (sha256: string) => join(fixture.dataDir, "bundles", `${sha256}.rbsm`);

/** A plugin that is needed by another one, installed and closed. */
async function installedDependency(): Promise<string> {
  const { market } = fixture;
  const code = greeter("1.0.0");
  const { sha256 } = await market.publish({ name: HELLO, version: "1.0.0", code });
  await market.publish({ name: "@acme/top", version: "1.0.0", dependencies: { [HELLO]: "*" } });
  const host = await fixture.open();
  await host.install("@acme/top", { grant: "requested" });
  await host.close();
  return sha256;
}

test("enable fetches a lost bundle again, in the same version", async () => {
  const sha256 = await installedDependency();
  await rm(bundleFile(sha256));
  await fixture.market.publish({ name: HELLO, version: "1.1.0", code: greeter("1.1.0") });
  const host = await fixture.open();
  expect(host.plugin(HELLO)).toMatchObject({ state: "failed", direct: false });
  const enabled = { state: "active", version: "1.0.0", direct: false, previousVersion: null };
  expect(await host.enable(HELLO)).toMatchObject(enabled);
  expect(await host.verify(HELLO)).toMatchObject({ ok: true });
  expect(await host.call(HELLO, "stored", ["installed"])).toBe("1.0.0");
  expect(await host.call(HELLO, "stored", ["updated"])).toBe(null);
});

test("enable repairs a disabled plugin whose bundle has grown beyond any bundle", async () => {
  const sha256 = await installedDependency();
  const first = await fixture.open();
  await first.disable(HELLO);
  await first.close();
  await writeFile(bundleFile(sha256), new Uint8Array(BUNDLE_LIMITS.fileBytes + 1));
  const host = await fixture.open();
  expect(await host.enable(HELLO)).toMatchObject({ state: "active", version: "1.0.0" });
  expect(await host.call(HELLO, "greet", ["Ada"])).toBe("Hello Ada from 1.0.0");
});

test("enable says so when the marketplace is away, and the plugin stays failed", async () => {
  const sha256 = await installedDependency();
  await rm(bundleFile(sha256));
  await fixture.market.close();
  const host = await fixture.open();
  expect(host.plugin(HELLO).reason?.message).toContain("gone");
  expect(await codeOf(host.enable(HELLO))).toMatch(/^network_/);
  expect(host.plugin(HELLO).state).toBe("failed");
});

test("a lost sideloaded bundle has to be sideloaded again", async () => {
  const { market } = fixture;
  const files = filesOf({ name: HELLO, version: "1.0.0" });
  const bytes = packBundle(await signBundle(files, market.publisher));
  const developerMode = { trust: [base64url(market.publisher.publicKey)] };
  const first = await fixture.open({ developerMode });
  const { sha256 } = await first.sideload(bytes, { grant: "requested" });
  await first.close();
  await rm(bundleFile(sha256));
  const host = await fixture.open({ developerMode });
  await expect(host.enable(HELLO)).rejects.toMatchObject({
    code: "bundle_missing_entry",
    detail: { fix: expect.stringContaining("sideload") },
  });
  expect(await host.sideload(bytes, { grant: "requested" })).toMatchObject({ state: "active" });
});
