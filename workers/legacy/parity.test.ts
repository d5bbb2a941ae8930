import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { DAY_MS } from "../licenses/sample-license.ts";
import { auditOf } from "../licenses/sample-plugin.ts";
import { buildBundle, createAccount, publish, resetMarketplace, send } from "../testing.ts";
import { newHardware, sell as sellAny, setUp, verify as verifyAny } from "./sample-connector.ts";
import type { Setup } from "./sample-connector.ts";

/** What the old system's license service did to a license; the old connector has no paths for it. */

const PLUGIN = "@parity/reports";
let seller: Setup;

beforeAll(async () => {
  await resetMarketplace();
  const account = await createAccount("parity");
  const plans = [
    { id: "basic", kind: "perpetual", seats: 3, entitlements: { apiCalls: 10_000, storage: 100 } },
    {
      id: "premium",
      kind: "perpetual",
      seats: 10,
      entitlements: { apiCalls: 100_000, storage: 1_000 },
    },
  ];
  const bundle = await buildBundle(account.key, { name: PLUGIN, pricing: { plans } });
  const answer = await publish({ name: PLUGIN, version: "1.0.0" }, bundle, account);
  if (!answer.ok) throw new Error(await answer.text());
  seller = await setUp("parity");
});

afterEach(() => {
  vi.useRealTimers();
});

const sell = (more: object = {}) => sellAny(seller, { pluginId: PLUGIN, ...more });
const verify = (key: string, hardware: string) => verifyAny(key, hardware, { pluginId: PLUGIN });
const change = (id: string, action: string, body?: object) =>
  send("POST", `/v1/licenses/${id}/${action}`, body === undefined ? {} : { body });

function setClock(now: number): void {
  vi.useFakeTimers({ toFake: ["Date"], now });
}

describe("licenses of the old system go on", () => {
  test("an expired license can be renewed, and runs again where it ran", async () => {
    const expiresAt = new Date(Date.now() + 10 * DAY_MS).toISOString();
    const { id, licenseKey } = await sell({ expiresAt });
    const hardware = newHardware();
    await verify(licenseKey, hardware);
    setClock(Date.now() + 12 * DAY_MS);
    expect((await verify(licenseKey, hardware)).error).toBe("License is not active");
    expect((await change(id, "renew")).status).toBe(200);
    const { license } = await verify(licenseKey, hardware);
    expect(license?.status).toBe("active");
    expect(Date.parse(license?.expiresAt ?? "")).toBeGreaterThan(Date.now() + 360 * DAY_MS);
  });

  test("an active license is renewed from its end on", async () => {
    const end = Date.now() + 10 * DAY_MS;
    const { id, licenseKey } = await sell({ expiresAt: new Date(end).toISOString() });
    await change(id, "renew");
    const { license } = await verify(licenseKey, newHardware());
    expect(Date.parse(license?.expiresAt ?? "")).toBeGreaterThan(end + 364 * DAY_MS);
  });

  test("an upgrade brings the higher type's limits, and nothing goes down again", async () => {
    const { id, licenseKey } = await sell({ type: "basic" });
    const hardware = newHardware();
    await verify(licenseKey, hardware);
    expect((await change(id, "upgrade", { plan: "premium" })).status).toBe(200);
    expect((await verify(licenseKey, hardware)).license).toMatchObject({
      type: "premium",
      maxInstalls: 10,
      usageLimits: { apiCalls: 100_000, storage: 1_000 },
    });
    expect((await change(id, "upgrade", { plan: "basic" })).status).toBe(409);
    expect((await verify(licenseKey, hardware)).license?.type).toBe("premium");
  });

  test("a suspended license comes back with its installations", async () => {
    const { id, licenseKey } = await sell({ maxInstalls: 1 });
    const hardware = newHardware();
    await verify(licenseKey, hardware);
    await change(id, "suspend");
    expect((await verify(licenseKey, hardware)).error).toBe("License is not active");
    await change(id, "reinstate");
    expect(await verify(licenseKey, hardware)).toMatchObject({
      valid: true,
      license: { status: "active", currentInstalls: 1 },
    });
    expect((await verify(licenseKey, newHardware())).error).toBe("Installation limit exceeded");
    expect(await auditOf(id)).toEqual([
      "license.issue",
      "license.activate",
      "license.suspend",
      "license.reinstate",
    ]);
  });
});
