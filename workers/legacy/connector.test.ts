import { env } from "cloudflare:workers";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { publishPaidPlugin } from "../licenses/sample-plugin.ts";
import { openReceiver } from "../webhooks/sample-receiver.ts";
import { createWebhook } from "../webhooks/sample-webhook.ts";
import { call, createAccount, resetMarketplace, send } from "../testing.ts";
import type { Account } from "../testing.ts";
import {
  ask,
  authorization,
  connector,
  newHardware,
  sell,
  setUp,
  STRANGER,
  verify,
} from "./sample-connector.ts";
import type { Setup } from "./sample-connector.ts";
import { pageShape, pluginShape, publishFree } from "./sample-free-plugin.ts";

let demo: Account;
let seller: Setup;

beforeAll(async () => {
  await resetMarketplace();
  demo = await createAccount("demo");
  await publishPaidPlugin(demo);
  await publishFree(demo, "calendar");
  seller = await setUp("demo");
  await createAccount("rival");
});

afterEach(() => {
  vi.useRealTimers();
});

describe("what belongs to the old connector", () => {
  test("is known by its credentials or its version; everybody else gets the new API", async () => {
    const modern = await (await call("/v1/plugins")).json();
    expect(modern).toMatchObject({ items: expect.any(Array) });
    const byVersion = await call("/v1/plugins", { headers: { "X-Client-Version": "1.0.0" } });
    const byCredentials = await call("/v1/plugins", {
      headers: { Authorization: await authorization(STRANGER) },
    });
    for (const old of [byVersion, byCredentials]) {
      expect(await old.json()).toMatchObject({ success: true, data: expect.any(Array) });
    }
    const later = await call("/v1/plugins", { headers: { "X-Client-Version": "2.0.0" } });
    expect(await later.json()).toEqual(modern);
  });

  test("is none of a plugin that is called as one of its paths, however the scope is written", async () => {
    const odd = await createAccount("odd");
    await publishFree(odd, "stats");
    for (const scope of ["@odd", "%40odd"]) {
      const page = await call(`/plugins/${scope}/stats`);
      expect(page.headers.get("Content-Type")).toContain("text/html");
      expect([scope, page.status]).toEqual([scope, 200]);
      const of = `/plugins/${scope}/stats/reviews`;
      expect(await (await call(of)).json()).toMatchObject({ success: true, data: [] });
    }
    const one = await call("/plugins/%40odd%2Fstats/reviews");
    expect(await one.json()).toMatchObject({ success: true, data: [] });
  });

  test("is never mixed with the new API by a cache", async () => {
    expect((await call("/v1/plugins")).headers.get("vary")).toContain("X-Client-Version");
    expect((await ask("GET", "/plugins")).headers.get("cache-control")).toBe("no-store");
  });

  test.each(["/licenses/verify", "/v1/licenses/verify"])("%s needs no sign of it", async (path) => {
    const answer = await call(path, { method: "POST", body: "{}" });
    expect(await answer.json()).toMatchObject({
      success: false,
      error: { code: "VALIDATION_ERROR" },
    });
  });

  test.each([
    ["GET", "/plugins/@demo/calendar", "text/html"],
    ["GET", "/plugins/@demo/stats", "application/problem+json"],
    ["GET", "/health", "application/json"],
    ["GET", `/b/${"0".repeat(64)}.rbsm`, "application/problem+json"],
    ["POST", "/v1/downloads", "application/problem+json"],
  ])("%s %s stays what it is", async (method, path, type) => {
    const answer = await call(path, { method });
    expect(answer.headers.get("content-type")).toContain(type);
    expect(await answer.text()).not.toContain('"success"');
  });

  test("an unknown path is refused in the old envelope, with the id of the request", async () => {
    const answer = await ask("GET", "/plugins/@demo/calendar/executions");
    expect(answer.status).toBe(404);
    const requestId = answer.headers.get("request-id");
    expect(await answer.json()).toMatchObject({
      success: false,
      data: null,
      error: { code: "NOT_FOUND", details: { requestId } },
    });
  });
});

describe("credentials", () => {
  test("are made with POST /v1/tokens, shown once, and only on demand", async () => {
    expect(seller.secret).toMatch(/^[\w-]{43}$/);
    const body = { publisher: "demo", permissions: ["licenses"] };
    const plain = await (await send("POST", "/v1/tokens", { body })).json();
    expect(plain).not.toHaveProperty("legacySecret");
    const dump = await env.DB.prepare("SELECT * FROM tokens").all();
    expect(JSON.stringify(dump.results)).not.toContain(seller.secret);
  });

  test("of nobody, forged, or too old are refused", async () => {
    await expect(sell(STRANGER)).rejects.toThrow("401");
    await expect(sell({ ...seller, secret: `${seller.secret}x` })).rejects.toThrow("401");
    const other = await setUp("demo");
    await expect(sell({ ...seller, secret: other.secret })).rejects.toThrow("401");
    for (const off of [-301_000, 301_000]) {
      await expect(sell(seller, {}, { now: Date.now() + off })).rejects.toThrow(
        "401 The request's timestamp is more than five minutes off",
      );
    }
    expect((await sell(seller, {}, { now: Date.now() - 290_000 })).status).toBe("active");
  });

  test("end with their token, and allow what it allows", async () => {
    const gone = await setUp("demo");
    await send("DELETE", `/v1/tokens/${gone.key}`);
    await expect(sell(gone)).rejects.toThrow("401");
    const soon = await setUp("demo", { expiresAt: new Date(Date.now() + 60_000).toISOString() });
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 61_000 });
    await expect(sell(soon)).rejects.toThrow("401");
    vi.useRealTimers();
    const publisher = await setUp("demo", { permissions: ["publish"] });
    await expect(sell(publisher)).rejects.toThrow('403 The token lacks the permission "licenses"');
  });

  test("may be the token itself, or the administrator's", async () => {
    const data = JSON.stringify({ pluginId: "calendar", type: "basic" });
    for (const token of [demo.token, env.ADMIN_TOKEN]) {
      const headers = { Authorization: `Bearer ${token}`, "X-Client-Version": "1.0.0" };
      const answer = await call("/v1/licenses", { method: "POST", headers, body: data });
      expect(answer.status).toBe(201);
    }
  });
});

describe("webhooks", () => {
  test("are told what the old connector does", async () => {
    const receiver = openReceiver();
    const { webhookId } = await createWebhook();
    await sell(seller);
    expect(receiver.types()).toEqual(["license.issue"]);
    vi.restoreAllMocks();
    await send("DELETE", `/v1/webhooks/${webhookId}`);
  });
});

describe("counts and reviews", () => {
  test("health is ok", async () => {
    const shape = z.object({ status: z.string(), success: z.boolean() });
    expect(await connector(shape, "GET", "/health")).toEqual({ status: "ok", success: true });
    expect(await (await call("/health")).json()).toEqual({ status: "ok" });
  });

  test("a seller sees how many installations are active", async () => {
    const shape = z.object({
      downloads: z.number(),
      revenue: z.number(),
      activeInstalls: z.number(),
    });
    const path = "/plugins/@demo/calendar/stats";
    const before = await connector(shape, "GET", path, { as: seller });
    const { licenseKey } = await sell(seller, { pluginId: "@demo/calendar" });
    await verify(licenseKey, newHardware(), { pluginId: "@demo/calendar" });
    const after = await connector(shape, "GET", path, { as: seller });
    expect(after).toEqual({ ...before, activeInstalls: before.activeInstalls + 1 });
    await expect(connector(shape, "GET", path)).rejects.toThrow("401");
    await expect(connector(shape, "GET", path, { as: await setUp("rival") })).rejects.toThrow(
      "403",
    );
  });

  test("the marketplace's size is the catalogue's", async () => {
    const shape = z.object({
      totalPlugins: z.number(),
      totalDownloads: z.number(),
      totalRevenue: z.literal(0),
      topPlugins: z.array(pluginShape),
    });
    const { total } = await connector(pageShape, "GET", "/plugins");
    const stats = await connector(shape, "GET", "/stats", { as: seller });
    expect(stats).toMatchObject({ totalPlugins: total, totalDownloads: 0 });
    expect(stats.topPlugins.length).toBeGreaterThan(1);
  });

  test("there are no reviews, and none are taken", async () => {
    const path = "/plugins/@demo/calendar/reviews";
    const shape = z.object({ data: z.array(z.unknown()), total: z.number() });
    expect(await connector(shape, "GET", path)).toEqual({ data: [], total: 0 });
    const data = { userId: "1", rating: 5, comment: "Good" };
    await expect(connector(shape, "POST", path, { data })).rejects.toThrow(
      "409 This marketplace takes no reviews yet",
    );
  });
});
