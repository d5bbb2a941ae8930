import { base64url, packBundle, signBundle } from "@rising-bsm/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { codeOf, greeter, HELLO } from "../testing/expectations.ts";
import { createHostFixture, type HostFixture } from "../testing/host-fixture.ts";
import { filesOf } from "../testing/static-marketplace.ts";

const BASE = "@acme/base";

let fixture: HostFixture;
beforeEach(async () => {
  fixture = await createHostFixture();
});
afterEach(() => fixture.close());

test("a rollback that would break a plugin that needs it is refused", async () => {
  const { market } = fixture;
  await market.publish({ name: BASE, version: "1.0.0" });
  const host = await fixture.open();
  await host.install(BASE, { grant: "requested" });
  await market.publish({ name: BASE, version: "2.0.0" });
  await host.update(BASE);
  await market.publish({ name: HELLO, version: "1.0.0", dependencies: { [BASE]: "^2.0.0" } });
  await host.install(HELLO, { grant: "requested" });
  await expect(host.rollback(BASE)).rejects.toMatchObject({
    code: "dependency_conflict",
    message: "@acme/base cannot go back to 1.0.0: @acme/hello@1.0.0 needs @acme/base ^2.0.0",
    detail: { plugin: BASE, findings: [{ path: HELLO }], fix: expect.stringContaining(HELLO) },
  });
  expect(await host.call(BASE, "version")).toBe("2.0.0");
  await host.uninstall(HELLO, { keepData: false });
  expect(await host.rollback(BASE)).toMatchObject({ version: "1.0.0" });
});

test("a rollback to a release whose own needs are gone is refused", async () => {
  const { market } = fixture;
  await market.publish({ name: BASE, version: "1.0.0" });
  await market.publish({ name: HELLO, version: "1.0.0", dependencies: { [BASE]: "^1.0.0" } });
  const host = await fixture.open();
  await host.install(HELLO, { grant: "requested" });
  await market.publish({ name: HELLO, version: "2.0.0" });
  await host.update(HELLO);
  await market.publish({ name: BASE, version: "2.0.0" });
  await host.update(BASE);
  await expect(host.rollback(HELLO)).rejects.toMatchObject({
    code: "dependency_conflict",
    message:
      "@acme/hello cannot go back to 1.0.0: @acme/hello@1.0.0 needs @acme/base ^1.0.0, installed is 2.0.0",
  });
  await host.uninstall(BASE, { keepData: false });
  await expect(host.rollback(HELLO)).rejects.toMatchObject({
    message: expect.stringContaining("which is not installed"),
  });
  expect(await host.call(HELLO, "version")).toBe("2.0.0");
});

test("a rollback over a sideloaded release leads back to the marketplace", async () => {
  const { market } = fixture;
  await market.publish({ name: HELLO, version: "1.0.0", code: greeter("1.0.0") });
  const trust = [base64url(market.publisher.publicKey)];
  const host = await fixture.open({ developerMode: { trust } });
  await host.install(HELLO, { grant: "requested" });
  const files = filesOf({ name: HELLO, version: "1.0.1", code: greeter("1.0.1") });
  const bytes = packBundle(await signBundle(files, market.publisher));
  await host.sideload(bytes, { grant: "requested" });
  expect(await codeOf(host.update(HELLO))).toBe("conflict_state");
  expect(await host.rollback(HELLO)).toMatchObject({ version: "1.0.0", source: "marketplace" });
  await market.publish({ name: HELLO, version: "1.1.0", code: greeter("1.1.0") });
  expect(await host.update(HELLO)).toMatchObject({ version: "1.1.0" });
  await host.rollback(HELLO);
  await host.sideload(bytes, { grant: "requested" });
  await host.rollback(HELLO);
  expect(await host.rollback(HELLO)).toMatchObject({ version: "1.0.1", source: "sideload" });
});
