import { afterEach, beforeEach, expect, test } from "vitest";
import { greeter, HELLO } from "../testing/expectations.ts";
import { LICENSE_KEY } from "./license-fixture.ts";
import { createLicensedFixture, type LicensedFixture } from "./licensed-host-fixture.ts";

let fixture: LicensedFixture;
let licensing: LicensedFixture["licensing"];
beforeEach(async () => {
  fixture = await createLicensedFixture();
  ({ licensing } = fixture);
  await fixture.sell(greeter("1.0.0"));
});
afterEach(() => fixture.close());

test("an uninstallation returns the seat", async () => {
  const host = await fixture.open();
  await host.install(HELLO, { grant: "requested", licenseKey: LICENSE_KEY });
  expect(host.plugin(HELLO).license).toMatchObject({ state: "active" });
  await host.uninstall(HELLO, { keepData: true });
  expect(licensing.returned).toBe(true);
  expect(await host.install(HELLO, { grant: "requested" })).toMatchObject({
    license: { state: "none" },
  });
});

test("a seat that cannot be returned is logged, and the plugin is gone", async () => {
  const warnings: string[] = [];
  const warn = (message: string) => void warnings.push(message);
  const options = { logger: { info: () => undefined, warn, error: () => undefined } };
  const host = await fixture.open(options);
  await host.install(HELLO, { grant: "requested", licenseKey: LICENSE_KEY });
  licensing.refuse = "unavailable";
  await host.uninstall(HELLO, { keepData: false });
  expect(host.plugins()).toEqual([]);
  expect(warnings).toEqual([expect.stringContaining(`The seat of ${HELLO}`)]);
  licensing.refuse = null;
  await host.install(HELLO, { grant: "requested", licenseKey: LICENSE_KEY });
  expect(host.plugin(HELLO).license).toMatchObject({ state: "active" });
});

test("uninstalling a plugin without a license asks the marketplace nothing", async () => {
  const host = await fixture.open();
  await host.install(HELLO, { grant: "requested" });
  await fixture.market.close();
  await host.uninstall(HELLO, { keepData: false });
  expect(licensing.rids).toEqual([]);
});
