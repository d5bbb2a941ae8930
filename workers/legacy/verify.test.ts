import { env } from "cloudflare:workers";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { DAY_MS } from "../licenses/sample-license.ts";
import { auditOf, issue, publishPaidPlugin } from "../licenses/sample-plugin.ts";
import { activate, claimsOf, tryActivate } from "../licenses/sample-activation.ts";
import { registerInstance } from "../licenses/sample-instance.ts";
import { call, createAccount, resetMarketplace, send } from "../testing.ts";
import { counting } from "../testing-bindings.ts";
import { ask, newHardware, sell, setUp, STRANGER, verify } from "./sample-connector.ts";
import type { Setup } from "./sample-connector.ts";

let seller: Setup;

beforeAll(async () => {
  await resetMarketplace();
  await publishPaidPlugin(await createAccount("demo"));
  seller = await setUp("demo");
});

afterEach(() => {
  vi.useRealTimers();
});

/** Real time stands still; the Worker's clock is this. */
function setClock(now: number): void {
  vi.useFakeTimers({ toFake: ["Date"], now });
}

describe("POST /licenses/verify", () => {
  test("a good license is valid, online, and told in the old fields", async () => {
    const { licenseKey, licenseId } = await issue("team");
    const hardware = newHardware();
    const verdict = await verify(licenseKey, hardware);
    expect(verdict).toMatchObject({ valid: true, offline: false });
    expect(verdict.license).toMatchObject({
      id: licenseId,
      licenseKey,
      pluginId: "@demo/invoices",
      type: "premium",
      status: "active",
      maxInstalls: 3,
      currentInstalls: 1,
      usageLimits: { rows: 500 },
    });
    expect(await auditOf(licenseId)).toEqual(["license.issue", "license.activate"]);
  });

  test("the envelope stands around the same fields", async () => {
    const { licenseKey } = await issue("team");
    const data = { licenseKey, pluginId: "invoices", hardwareId: newHardware() };
    const answer = await ask("POST", "/licenses/verify", { data });
    const body = (await answer.json()) as Record<string, unknown>;
    expect(answer.status).toBe(200);
    expect(answer.headers.get("cache-control")).toBe("no-store");
    expect(body).toMatchObject({ success: true, valid: true, error: null });
    expect(body["data"]).toEqual({ valid: true, license: body["license"], offline: false });
    expect(Date.parse(String(body["timestamp"]))).toBeGreaterThan(0);
  });

  test("an unknown key, and what is no key, is not found", async () => {
    for (const key of ["AAAAAA-BBBBBB-CCCCCC-DDDDDD-EEEEEE", "VALID-LICENSE-KEY"]) {
      expect(await verify(key, newHardware())).toMatchObject({
        valid: false,
        error: "License not found",
        offline: false,
      });
    }
  });

  test.each(["suspend", "revoke"])("after %s it is not active", async (action) => {
    const { licenseKey, licenseId } = await issue("team");
    const hardware = newHardware();
    await verify(licenseKey, hardware);
    await send("POST", `/v1/licenses/${licenseId}/${action}`);
    expect(await verify(licenseKey, hardware)).toMatchObject({
      valid: false,
      error: "License is not active",
    });
  });

  test("once it has expired it is not active", async () => {
    const { licenseKey } = await issue("pro");
    const hardware = newHardware();
    expect((await verify(licenseKey, hardware)).valid).toBe(true);
    setClock(Date.now() + 40 * DAY_MS);
    expect((await verify(licenseKey, hardware)).error).toBe("License is not active");
  });

  test("for another plugin it is refused, by name with or without scope", async () => {
    const { licenseKey } = await issue("team");
    for (const pluginId of ["@demo/other", "other", "@else/invoices", "nvoices"]) {
      const verdict = await verify(licenseKey, newHardware(), { pluginId });
      expect(verdict.error).toBe("License is for a different plugin");
    }
    expect((await verify(licenseKey, newHardware(), { pluginId: "invoices" })).valid).toBe(true);
  });

  test("a host's own number is the plugin's there from the first time on", async () => {
    const { licenseKey } = await issue("team");
    const [one, another] = [newHardware(), newHardware()];
    expect((await verify(licenseKey, one)).valid).toBe(true);
    const verdict = await verify(licenseKey, one, { pluginId: 100 });
    expect(verdict.license?.pluginId).toBe(100);
    expect((await verify(licenseKey, one, { pluginId: "100" })).valid).toBe(true);
    expect((await verify(licenseKey, one, { pluginId: 999 })).error).toBe(
      "License is for a different plugin",
    );
    expect((await verify(licenseKey, another, { pluginId: 999 })).valid).toBe(true);
  });

  test("bound to hardware it runs there alone", async () => {
    const hardwareId = newHardware();
    const { licenseKey } = await sell(seller, { hardwareId });
    expect((await verify(licenseKey, newHardware())).error).toBe(
      "License is bound to different hardware",
    );
    const verdict = await verify(licenseKey, hardwareId.toUpperCase());
    expect(verdict).toMatchObject({ valid: true, license: { maxInstalls: 3, currentInstalls: 1 } });
  });

  test("what is no hardware id is refused: hosts that all send the same would share a seat", async () => {
    const { licenseKey } = await issue("team");
    await expect(verify(licenseKey, "unknown")).rejects.toThrow(
      "400 hardwareId: Invalid hardware ID",
    );
  });

  test("needs no credentials, and asks for none of another marketplace", async () => {
    const { licenseKey } = await issue("team");
    const body = JSON.stringify({ licenseKey, pluginId: "invoices", hardwareId: newHardware() });
    for (const path of ["/licenses/verify", "/v1/licenses/verify"]) {
      expect(await (await call(path, { method: "POST", body })).json()).toMatchObject({
        valid: true,
      });
    }
    expect((await verify(licenseKey, newHardware(), { as: STRANGER })).valid).toBe(true);
  });

  test("credentials that name a token of ours have to be signed with its secret", async () => {
    const { licenseKey } = await issue("team");
    const forged = { key: seller.key, secret: "guessed" };
    expect((await verify(licenseKey, newHardware(), { as: forged })).error).toBe(
      "Invalid signature",
    );
    expect((await verify(licenseKey, newHardware(), { as: seller })).valid).toBe(true);
  });

  test("a host's wrong clock costs nothing", async () => {
    const { licenseKey } = await issue("team");
    const data = { licenseKey, pluginId: "invoices", hardwareId: newHardware(), timestamp: 1 };
    const answer = await ask("POST", "/licenses/verify", {
      as: seller,
      data,
      now: 1_000_000_000_000,
    });
    expect(await answer.json()).toMatchObject({ valid: true });
  });

  test("legacy keys that were taken over are claim codes", async () => {
    const licenseKey = "A1B2C3-D4E5F6-A1B2C3-D4E5F6-000001";
    const body = { plugin: "@demo/invoices", plan: "team", licenseKey };
    expect((await send("POST", "/v1/licenses", { body })).status).toBe(201);
    expect((await verify(licenseKey.toLowerCase(), newHardware())).valid).toBe(true);
  });

  test("a body that is too long, or is none, is refused in the old envelope", async () => {
    const refused = await call("/licenses/verify", { method: "POST", body: "{" });
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({
      success: false,
      data: null,
      message: "The body is not JSON",
      error: { code: "VALIDATION_ERROR", details: { code: "request_invalid" } },
    });
    const long = await call("/licenses/verify", { method: "POST", body: "x".repeat(70_000) });
    expect(long.status).toBe(413);
  });
});

describe("seats of hardware", () => {
  test("a running installation does not fail because all seats are taken", async () => {
    const { licenseKey } = await sell(seller, { type: "basic" });
    const running = [newHardware(), newHardware(), newHardware()];
    for (const hardware of running) expect((await verify(licenseKey, hardware)).valid).toBe(true);
    expect((await verify(licenseKey, newHardware())).error).toBe("Installation limit exceeded");
    const start = Date.now();
    for (let day = 1; day <= 40; day++) {
      setClock(start + day * DAY_MS);
      const [hardware] = running.slice(day % 3);
      expect((await verify(licenseKey, hardware!)).valid).toBe(true);
    }
    expect((await verify(licenseKey, newHardware())).error).toBe("Installation limit exceeded");
  });

  test("an enterprise license can be issued, verified and installed", async () => {
    const sold = await sell(seller, { type: "enterprise" });
    expect(sold).toMatchObject({
      type: "enterprise",
      maxInstalls: -1,
      currentInstalls: 0,
      usageLimits: { apiCalls: -1, storage: -1 },
    });
    for (let installs = 1; installs <= 12; installs++) {
      const verdict = await verify(sold.licenseKey, newHardware());
      expect(verdict).toMatchObject({ valid: true, license: { maxInstalls: -1 } });
    }
    const instance = await registerInstance();
    const { lease } = await activate(instance, sold.licenseKey);
    const { lic, ent } = await claimsOf(instance, lease);
    expect(lic.seats).toBeNull();
    expect(ent).toEqual({ apiCalls: -1, storage: -1, installs: -1 });
  });

  test("a seat is free 14 days after its last verification", async () => {
    const { licenseKey } = await issue("forever");
    const [gone, next] = [newHardware(), newHardware()];
    expect((await verify(licenseKey, gone)).valid).toBe(true);
    const start = Date.now();
    setClock(start + 13.9 * DAY_MS);
    expect((await verify(licenseKey, next)).error).toBe("Installation limit exceeded");
    setClock(start + 14.1 * DAY_MS);
    expect((await verify(licenseKey, next)).valid).toBe(true);
    expect((await verify(licenseKey, gone)).error).toBe("Installation limit exceeded");
  });

  test("hardware and instances count together", async () => {
    const { licenseKey } = await issue("forever");
    expect((await verify(licenseKey, newHardware())).valid).toBe(true);
    expect((await tryActivate(await registerInstance(), licenseKey)).status).toBe(403);
  });

  test("of many that want the last seat at once one gets it", async () => {
    const { licenseKey } = await issue("forever");
    const all = Array.from({ length: 6 }, () => verify(licenseKey, newHardware()));
    const valid = (await Promise.allSettled(all)).filter(
      (one) => one.status === "fulfilled" && one.value.valid,
    );
    expect(valid).toHaveLength(1);
  });

  test("verifying again at once writes nothing, and later one row", async () => {
    const { licenseKey } = await issue("team");
    const hardware = newHardware();
    await verify(licenseKey, hardware);
    const { bindings, count } = counting(env);
    // The first request over these bindings looks at the schema as well.
    await verify(licenseKey, hardware, { bindings });
    const before = { ...count };
    await verify(licenseKey, hardware, { bindings });
    expect(count.rowsWritten).toBe(0);
    expect(count.rowsRead - before.rowsRead).toBeLessThanOrEqual(12);
    setClock(Date.now() + DAY_MS);
    await verify(licenseKey, hardware, { bindings });
    expect(count.rowsWritten).toBeLessThanOrEqual(2);
  });

  test("a trial is had once on the same hardware", async () => {
    const [first, second] = [await sell(seller, { type: "trial" }), await issue("trial")];
    const hardware = newHardware();
    const verdict = await verify(first.licenseKey, hardware);
    expect(verdict.license).toMatchObject({ type: "trial", status: "active" });
    expect((await verify(second.licenseKey, hardware)).error).toBe(
      "Trial was used on this hardware before",
    );
    setClock(Date.now() + 31 * DAY_MS);
    expect((await verify(first.licenseKey, hardware)).error).toBe("License is not active");
  });
});

describe("license keys that are guessed", () => {
  const wrong = (n: number) => `AAAAAA-AAAAAA-AAAAAA-AAAAAA-${String(n).padStart(6, "0")}`;

  test("ten an hour from one network, whatever hardware it says it is", async () => {
    const headers = { "CF-Connecting-IP": "192.0.2.7" };
    for (let n = 1; n <= 10; n++) {
      expect((await verify(wrong(n), newHardware(), { headers })).error).toBe("License not found");
    }
    await expect(verify(wrong(11), newHardware(), { headers })).rejects.toThrow(
      "429 Too many license keys were refused",
    );
    const { licenseKey } = await issue("team");
    expect((await verify(licenseKey, newHardware(), { headers })).valid).toBe(true);
    const other = { "CF-Connecting-IP": "192.0.2.8" };
    expect((await verify(wrong(1), newHardware(), { headers: other })).valid).toBe(false);
    setClock(Date.now() + 3_700_000);
    expect((await verify(wrong(12), newHardware(), { headers })).error).toBe("License not found");
  });

  test("are counted before they are answered", async () => {
    const headers = { "CF-Connecting-IP": "2001:db8:1:2::1" };
    const tries = Array.from({ length: 15 }, (_, n) =>
      verify(wrong(n), newHardware(), { headers }),
    );
    const answered = (await Promise.allSettled(tries)).filter(
      ({ status }) => status === "fulfilled",
    );
    expect(answered).toHaveLength(10);
  });
});

describe("while the database is away", () => {
  const away = {
    ...env,
    DB: new Proxy(env.DB, {
      get: () => () => {
        throw new Error("D1 is away");
      },
    }),
  };

  test("who was valid these seven days is valid, and told that it is offline", async () => {
    const { licenseKey } = await issue("team");
    const hardware = newHardware();
    const before = await verify(licenseKey, hardware);
    const verdict = await verify(licenseKey, hardware, { bindings: away });
    expect(verdict).toEqual({ ...before, error: null, offline: true });
  });

  test("nobody else is", async () => {
    const { licenseKey } = await issue("team");
    await expect(verify(licenseKey, newHardware(), { bindings: away })).rejects.toThrow(
      "503 License verification failed",
    );
  });

  test("a license that was refused since has no grace", async () => {
    const { licenseKey, licenseId } = await issue("team");
    const hardware = newHardware();
    await verify(licenseKey, hardware);
    await send("POST", `/v1/licenses/${licenseId}/revoke`);
    await verify(licenseKey, hardware);
    await expect(verify(licenseKey, hardware, { bindings: away })).rejects.toThrow("503");
  });
});
