import { env } from "cloudflare:workers";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { tryActivate } from "../licenses/sample-activation.ts";
import { registerInstance } from "../licenses/sample-instance.ts";
import { DAY_MS } from "../licenses/sample-license.ts";
import { auditOf, issue, publishPaidPlugin } from "../licenses/sample-plugin.ts";
import { buildBundle, createAccount, publish, resetMarketplace } from "../testing.ts";
import type { Account } from "../testing.ts";
import { beforeBatch, failingAt } from "../testing-bindings.ts";
import {
  ask,
  connector,
  licenseShape,
  newHardware,
  sell,
  setUp,
  verify,
} from "./sample-connector.ts";
import type { Setup } from "./sample-connector.ts";

let demo: Account;
let seller: Setup;
let users = 100;

beforeAll(async () => {
  await resetMarketplace();
  demo = await createAccount("demo");
  await publishPaidPlugin(demo);
  seller = await setUp("demo");
});

afterEach(() => {
  vi.useRealTimers();
});

function setClock(now: number): void {
  vi.useFakeTimers({ toFake: ["Date"], now });
}

const newUser = () => (users += 1);
const transferTo = (key: string, newUserId: number, more = {}) =>
  connector(licenseShape, "POST", `/licenses/${key}/transfer`, {
    as: seller,
    data: { newUserId },
    ...more,
  });
const revoke = (key: string, more = {}) =>
  connector(licenseShape, "POST", `/licenses/${key}/revoke`, {
    as: seller,
    data: { reason: "Violation of terms" },
    ...more,
  });

describe("POST /licenses", () => {
  test.each([
    ["trial", 1, { apiCalls: 1_000, storage: 10 }],
    ["basic", 3, { apiCalls: 10_000, storage: 100 }],
    ["premium", 10, { apiCalls: 100_000, storage: 1_000 }],
    ["enterprise", -1, { apiCalls: -1, storage: -1 }],
  ])(
    "%s has the installations and limits it always had",
    async (type, maxInstalls, usageLimits) => {
      const userId = newUser();
      // The plugin of these tests has a plan "trial" of its own, so another one is sold here.
      const bundle = await buildBundle(demo.key, { name: "@demo/plain" });
      await publish({ name: "@demo/plain", version: "1.0.0" }, bundle, demo);
      const sold = await sell(seller, { pluginId: "plain", type, userId });
      expect(sold).toMatchObject({ type, status: "active", maxInstalls, usageLimits });
      expect(sold).toMatchObject({
        currentInstalls: 0,
        userId: String(userId),
        pluginId: "@demo/plain",
      });
      expect(sold.licenseKey).toMatch(/^RBSM(-[0-9A-Z]{4}){8}$/);
      expect(await auditOf(sold.id)).toEqual(["license.issue"]);
    },
  );

  test("a plan of the plugin that has the type's name is what is sold", async () => {
    const { licenseKey } = await sell(seller, { type: "trial" });
    const { license } = await verify(licenseKey, newHardware());
    const days = (Date.parse(license?.expiresAt ?? "") - Date.now()) / DAY_MS;
    expect(Math.round(days)).toBe(14);
  });

  test("installations and end can be others than the type's", async () => {
    const expiresAt = new Date(Date.now() + 90 * DAY_MS).toISOString();
    const more = { maxInstalls: 25, expiresAt, usageLimits: { apiCalls: 7, features: ["basic"] } };
    const sold = await sell(seller, { type: "premium", ...more });
    expect(sold).toMatchObject({ maxInstalls: 25, expiresAt });
    expect(sold.usageLimits).toEqual({ apiCalls: 7, storage: 1_000 });
    const unlimited = await sell(seller, { maxInstalls: -1 });
    expect(unlimited).toMatchObject({ type: "basic", maxInstalls: -1 });
  });

  test("a customer has one active license of a plugin at a time", async () => {
    const userId = newUser();
    const first = await sell(seller, { userId });
    const already = "400 User already has an active license for this plugin";
    await expect(sell(seller, { userId, type: "premium" })).rejects.toThrow(already);
    await revoke(first.licenseKey);
    const second = await sell(seller, { userId, type: "premium" });
    expect(second.id).not.toBe(first.id);
    expect((await sell(seller)).id).not.toBe((await sell(seller)).id);
  });

  test("of two at once for one customer one is issued", async () => {
    const userId = newUser();
    const both = await Promise.allSettled([
      sell(seller, { userId, type: "basic" }),
      sell(seller, { userId, type: "premium" }),
    ]);
    expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  });

  test("the same request again, replayed or retried, is answered with the same license", async () => {
    const [userId, now] = [newUser(), Date.now()];
    const first = await sell(seller, { userId }, { now });
    expect(await sell(seller, { userId }, { now })).toEqual(first);
    const nobodys = await sell(seller, {}, { now });
    expect(await sell(seller, {}, { now })).toEqual(nobodys);
    expect(await auditOf(first.id)).toEqual(["license.issue"]);
  });

  test("needs a plugin that is there, published and the seller's", async () => {
    await expect(sell(seller, { pluginId: "@demo/none" })).rejects.toThrow("404");
    await expect(sell(seller, { pluginId: "none" })).rejects.toThrow("404 Plugin not found");
    await expect(sell(seller, { pluginId: 17 })).rejects.toThrow("404 Plugin not found");
    await createAccount("rival");
    const rival = await setUp("rival");
    await expect(sell(rival)).rejects.toThrow("403 The token belongs to another publisher");
  });

  test.each([
    [{ type: "gold" }, "400 type: "],
    [{ maxInstalls: 0 }, "400 maxInstalls: "],
    [{ hardwareId: "abc" }, "400 hardwareId: Invalid hardware ID"],
    [{ expiresAt: "2020-01-01T00:00:00Z" }, "400 The license would have expired already"],
  ])("refuses %o", async (more, message) => {
    await expect(sell(seller, more)).rejects.toThrow(message);
  });

  test.each(["failed", "failed but stored"] as const)(
    "with a write that %s: a retry issues one license and tells its key",
    async (fault) => {
      const [userId, now] = [newUser(), Date.now()];
      const { bindings, hit } = failingAt(env, 1, fault);
      await expect(sell(seller, { userId }, { now, bindings })).rejects.toThrow("500");
      expect(hit()).toBe(true);
      const sold = await sell(seller, { userId }, { now });
      expect(await auditOf(sold.id)).toEqual(["license.issue"]);
      expect((await verify(sold.licenseKey, newHardware())).valid).toBe(true);
    },
  );
});

describe("POST /licenses/KEY/transfer", () => {
  test("clears hardware and installations, and ends the old key", async () => {
    const hardwareId = newHardware();
    const sold = await sell(seller, { userId: newUser(), hardwareId, maxInstalls: 1 });
    expect((await verify(sold.licenseKey, hardwareId)).valid).toBe(true);
    const userId = newUser();
    const moved = await transferTo(sold.licenseKey, userId);
    expect(moved).toMatchObject({ id: sold.id, userId: String(userId), currentInstalls: 0 });
    expect((await verify(sold.licenseKey, hardwareId)).error).toBe("License not found");
    expect((await verify(moved.licenseKey, newHardware())).valid).toBe(true);
    expect(await auditOf(sold.id)).toContain("license.transfer");
  });

  test("again with the old key, because the answer was lost, answers the same", async () => {
    const sold = await sell(seller);
    const userId = newUser();
    const first = await transferTo(sold.licenseKey, userId);
    expect(await transferTo(sold.licenseKey, userId)).toEqual(first);
    expect(await transferTo(sold.id, userId)).toEqual(first);
    await expect(transferTo(sold.licenseKey, newUser())).rejects.toThrow("404 License not found");
    await expect(revoke(sold.licenseKey)).rejects.toThrow("404 License not found");
  });

  test("an enterprise license stays with its customer", async () => {
    const { licenseKey } = await sell(seller, { type: "enterprise" });
    await expect(transferTo(licenseKey, newUser())).rejects.toThrow(
      "400 Enterprise licenses cannot be transferred",
    );
  });

  test("waits for its cool-down", async () => {
    const sold = await sell(seller);
    const { licenseKey } = await transferTo(sold.licenseKey, newUser());
    await expect(transferTo(licenseKey, newUser())).rejects.toThrow("409");
    setClock(Date.now() + 31 * DAY_MS);
    expect((await transferTo(licenseKey, newUser())).id).toBe(sold.id);
  });

  test("takes a license of the new API too, by its id", async () => {
    const { licenseId } = await issue("pro");
    const userId = newUser();
    expect(await transferTo(licenseId, userId)).toMatchObject({
      id: licenseId,
      userId: String(userId),
    });
  });

  test("is decided again when the license was changed meanwhile", async () => {
    const { id, licenseKey } = await sell(seller);
    const change = () =>
      env.DB.prepare("UPDATE licenses SET revision = revision + 1 WHERE id = ?").bind(id).run();
    const bindings = beforeBatch(env, 1, change);
    await expect(transferTo(licenseKey, newUser(), { bindings })).rejects.toThrow("409");
    expect((await verify(licenseKey, newHardware())).valid).toBe(true);
    expect(await auditOf(id)).not.toContain("license.transfer");
  });

  test.each(["failed", "failed but stored"] as const)(
    "with a write that %s: a retry transfers once and tells the key",
    async (fault) => {
      const [sold, userId] = [await sell(seller), newUser()];
      const { bindings, hit } = failingAt(env, 1, fault);
      await expect(transferTo(sold.licenseKey, userId, { bindings })).rejects.toThrow("500");
      expect(hit()).toBe(true);
      const moved = await transferTo(sold.licenseKey, userId);
      expect((await verify(moved.licenseKey, newHardware())).valid).toBe(true);
      const moves = (await auditOf(sold.id)).filter((action) => action === "license.transfer");
      expect(moves).toHaveLength(1);
    },
  );
});

describe("POST /licenses/KEY/revoke", () => {
  test("ends the license for good, with its reason in the record", async () => {
    const sold = await sell(seller);
    const hardware = newHardware();
    await verify(sold.licenseKey, hardware);
    expect(await revoke(sold.licenseKey)).toMatchObject({ id: sold.id, status: "revoked" });
    expect((await verify(sold.licenseKey, hardware)).error).toBe("License is not active");
    expect(await revoke(sold.licenseKey)).toMatchObject({ status: "revoked" });
    const row = await env.DB.prepare("SELECT detail FROM audit WHERE subject = ? AND action = ?")
      .bind(sold.id, "license.revoke")
      .all();
    expect(row.results).toEqual([{ detail: JSON.stringify({ reason: "Violation of terms" }) }]);
  });

  test("by its id, and by nobody else's token", async () => {
    const sold = await sell(seller);
    const rival = await setUp("rival");
    await expect(revoke(sold.licenseKey, { as: rival })).rejects.toThrow("403");
    await expect(revoke("AAAAAA-BBBBBB-CCCCCC-DDDDDD-EEEEEE")).rejects.toThrow("404");
    await expect(revoke("nonsense")).rejects.toThrow("404");
    expect(await revoke(sold.id)).toMatchObject({ id: sold.id, status: "revoked" });
  });

  test.each(["failed", "failed but stored"] as const)(
    "with a write that %s: a retry revokes once",
    async (fault) => {
      const sold = await sell(seller);
      const { bindings } = failingAt(env, 1, fault);
      await expect(revoke(sold.licenseKey, { bindings })).rejects.toThrow("500");
      expect(await revoke(sold.licenseKey)).toMatchObject({ status: "revoked" });
      expect(await auditOf(sold.id)).toEqual(["license.issue", "license.revoke"]);
    },
  );
});

describe("a verification whose write goes wrong", () => {
  const faults = [1, 2].flatMap((nth) =>
    (["failed", "failed but stored"] as const).map((fault) => ({ nth, fault })),
  );

  test.each(faults)(
    "at call $nth ($fault): a repeated one takes one seat",
    async ({ nth, fault }) => {
      const { id, licenseKey } = await sell(seller, { maxInstalls: 1 });
      const hardware = newHardware();
      const { bindings, hit } = failingAt(env, nth, fault);
      await expect(verify(licenseKey, hardware, { bindings })).rejects.toThrow("503");
      expect(hit()).toBe(true);
      const verdict = await verify(licenseKey, hardware);
      expect(verdict.license).toMatchObject({ currentInstalls: 1 });
      expect(await auditOf(id)).toEqual(["license.issue", "license.activate"]);
    },
  );
});

describe("GET /users/ID/licenses", () => {
  const list = z.array(licenseShape);

  test("the customer's licenses of the seller's plugins, without their keys", async () => {
    const userId = newUser();
    const sold = await sell(seller, { userId });
    await verify(sold.licenseKey, newHardware());
    const [only, ...others] = await connector(list, "GET", `/users/${userId}/licenses`, {
      as: seller,
    });
    expect(others).toEqual([]);
    expect(only).toEqual({ ...sold, licenseKey: "", currentInstalls: 1 });
    const rival = await setUp("rival");
    expect(await connector(list, "GET", `/users/${userId}/licenses`, { as: rival })).toEqual([]);
  });

  test("a license that was bought with a key works on a host of the new system too", async () => {
    const { licenseKey } = await sell(seller);
    expect((await tryActivate(await registerInstance(), licenseKey)).status).toBe(200);
  });

  test("a license key in a path stays out of the log", async () => {
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    const { licenseKey } = await sell(seller);
    const { bindings } = failingAt(env, 1, "failed");
    await ask("POST", `/licenses/${licenseKey}/revoke`, { as: seller, data: {}, bindings });
    expect(log).toHaveBeenCalled();
    expect(JSON.stringify(log.mock.calls)).not.toContain(licenseKey);
    log.mockRestore();
  });
});
