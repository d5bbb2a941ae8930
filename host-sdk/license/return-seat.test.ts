import { type IncomingMessage, type ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";
import { afterEach, beforeEach, expect, test } from "vitest";
import { greeter, HELLO } from "../testing/expectations.ts";
import { createHostFixture, type HostFixture } from "../testing/host-fixture.ts";
import { createSampleLicenseServer, type SampleLicenseServer } from "./sample-license-server.ts";

const LICENSE_KEY = "RBSM-0123-4567-89AB-CDEF-GHJK-MNPQ-RSTV-WXYZ";

let fixture: HostFixture;
let licensing: SampleLicenseServer;
beforeEach(async () => {
  fixture = await createHostFixture();
  const { market } = fixture;
  licensing = createSampleLicenseServer(market.lease, () => Date.now());
  market.intercept((request, response) => {
    if (request.url?.startsWith("/v1/") !== true) return false;
    passOn(request, response).catch(() => response.destroy());
    return true;
  });
  const pricing = {
    plans: [
      { id: "free", kind: "free" },
      { id: "pro", kind: "subscription" },
    ],
  };
  const code = greeter("1.0.0");
  await market.publish({ name: HELLO, version: "1.0.0", code, manifest: { pricing } });
});
afterEach(() => fixture.close());

async function passOn(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const headers = { "rbsm-proof": String(request.headers["rbsm-proof"]) };
  const body = await buffer(request);
  const url = new URL(request.url ?? "", fixture.market.url);
  const answer = await licensing.fetch(url, { method: request.method ?? "", headers, body });
  response.writeHead(answer.status, { "content-type": "application/json" });
  response.end(await answer.text());
}

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
