import { env } from "cloudflare:workers";
import { sha256Hex, utf8 } from "@rising-bsm/protocol";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { DAY_MS } from "../licenses/sample-license.ts";
import { auditOf, issue, publishPaidPlugin } from "../licenses/sample-plugin.ts";
import { buildBundle, call, createAccount, ORIGIN, publish, resetMarketplace } from "../testing.ts";
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
let paid: Uint8Array<ArrayBuffer>;
let free: Uint8Array<ArrayBuffer>;

beforeAll(async () => {
  await resetMarketplace();
  demo = await createAccount("demo");
  paid = await publishPaidPlugin(demo);
  free = await publishFree(demo, "calendar");
  seller = await setUp("demo");
});

afterEach(() => {
  vi.useRealTimers();
});

describe("finding plugins", () => {
  test("a search answers what the old connector reads", async () => {
    const found = await connector(pageShape, "GET", "/plugins?query=calendar");
    expect(found.data).toEqual([
      {
        id: "@demo/calendar",
        name: "@demo/calendar",
        displayName: "Shared calendar",
        description: "Everybody's appointments",
        version: "1.0.0",
        author: "demo",
        authorId: "demo",
        category: "appointments",
        tags: ["ical"],
        screenshots: [],
        pricing: {},
        downloads: 0,
        rating: 0,
        status: "approved",
      },
    ]);
    expect(found.total).toBe(1);
  });

  test("pages have numbers, and the whole catalogue its size", async () => {
    const envelope = z.object({ data: z.array(pluginShape), pagination: z.unknown() });
    const first = await connector(envelope, "GET", "/plugins?limit=1&page=1&sortBy=createdAt");
    const second = await connector(envelope, "GET", "/plugins?limit=1&page=2&sortBy=createdAt");
    const names = [first, second].flatMap(({ data }) => data.map(({ name }) => name));
    expect(names.sort()).toEqual(["@demo/calendar", "@demo/invoices"]);
    expect(second.pagination).toEqual({ page: 2, limit: 1, total: 2, totalPages: 2 });
    const third = await connector(pageShape, "GET", "/plugins?limit=1&page=3");
    expect(third).toEqual({ data: [], total: 2 });
    await expect(connector(pageShape, "GET", "/plugins?limit=101")).rejects.toThrow("400");
  });

  test("filters that nothing here has find nothing", async () => {
    for (const filter of ["status=pending", "category=No%20Such", "query=nothinglikeit"]) {
      expect((await connector(pageShape, "GET", `/plugins?${filter}`)).data).toEqual([]);
    }
    const found = await connector(pageShape, "GET", "/plugins?category=appointments");
    expect(found.data).toHaveLength(1);
  });

  test.each(["@demo/calendar", "%40demo%2Fcalendar", "calendar"])(
    "%s is one plugin",
    async (id) => {
      const plugin = await connector(pluginShape, "GET", `/plugins/${id}`);
      const checksum = await sha256Hex(free);
      expect(plugin).toMatchObject({ id: "@demo/calendar", checksum });
      expect(plugin.bundleUrl).toBe(`${ORIGIN}/b/${checksum}.rbsm`);
    },
  );

  test("a paid one shows its prices and no link", async () => {
    const plugin = await connector(pluginShape, "GET", "/plugins/@demo/invoices");
    expect(plugin.pricing).toMatchObject({ team: 9, pro: 0 });
    expect(plugin).not.toHaveProperty("bundleUrl");
  });

  test("a name that two scopes have is ambiguous, but for the old plugins' own scope", async () => {
    const rival = await createAccount("rival");
    const bundle = await buildBundle(rival.key, { name: "@rival/calendar" });
    const admin = { token: env.ADMIN_TOKEN };
    await publish({ name: "@rival/calendar", version: "1.0.0" }, bundle, admin);
    await expect(connector(pluginShape, "GET", "/plugins/calendar")).rejects.toThrow(
      '400 Several plugins are called "calendar"',
    );
    const legacy = await createAccount("legacy");
    const old = await buildBundle(legacy.key, { name: "@legacy/calendar" });
    await publish({ name: "@legacy/calendar", version: "1.0.0" }, old, admin);
    expect(await connector(pluginShape, "GET", "/plugins/calendar")).toMatchObject({
      id: "@legacy/calendar",
    });
  });

  test.each(["17", "nothing", "@demo/nothing", "@demo", "..%2Fetc"])("%s is none", async (id) => {
    await expect(connector(pluginShape, "GET", `/plugins/${id}`)).rejects.toThrow("404");
  });

  test("unlisted ones have their address, private ones are nobody's", async () => {
    await publishFree(demo, "hidden", { visibility: "unlisted" });
    await publishFree(demo, "secret", { visibility: "private" });
    expect(await connector(pluginShape, "GET", "/plugins/@demo/hidden")).toMatchObject({
      id: "@demo/hidden",
    });
    await expect(connector(pluginShape, "GET", "/plugins/@demo/secret")).rejects.toThrow("404");
    const refused = { data: { licenseKey: "nothing", hardwareId: newHardware() } };
    const asked = ask("POST", "/plugins/@demo/secret/download", refused);
    expect((await asked).status).toBe(404);
    const found = await connector(pageShape, "GET", "/plugins?limit=100");
    expect(found.data.map(({ name }) => name)).not.toContain("@demo/hidden");
  });
});

describe("downloading", () => {
  const tokenShape = z.object({ token: z.string(), url: z.url(), expiresAt: z.iso.datetime() });
  const wantPaid = (licenseKey: string, hardwareId: string, plugin = "@demo/invoices") =>
    connector(tokenShape, "POST", `/plugins/${plugin}/download`, {
      data: { licenseKey, hardwareId },
    });
  /** Follows the redirect, as fetch does; the credentials go along on the same origin. */
  const followToken = async (token: string) => {
    const headers = { Authorization: await authorization(STRANGER) };
    const first = await call(`/v1/download/${token}`, { headers });
    const location = first.headers.get("location");
    return location === null ? first : call(location, { headers });
  };

  test("a paid plugin's link and token lead to its bytes", async () => {
    const { licenseKey } = await issue("team");
    const { url, token, expiresAt } = await wantPaid(licenseKey, newHardware());
    const left = Date.parse(expiresAt) - Date.now();
    expect(left).toBeGreaterThan(590_000);
    expect(left).toBeLessThanOrEqual(600_000);
    for (const answer of [await call(url), await followToken(token)]) {
      expect(answer.status).toBe(200);
      expect(await sha256Hex(new Uint8Array(await answer.arrayBuffer()))).toBe(
        await sha256Hex(paid),
      );
    }
  });

  test("after ten minutes neither does", async () => {
    const { licenseKey } = await issue("team");
    const { url, token } = await wantPaid(licenseKey, newHardware());
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 601_000 });
    expect((await call(url)).status).toBe(403);
    expect((await followToken(token)).status).toBe(403);
  });

  test("it takes a seat, as a verification does", async () => {
    const { licenseKey } = await issue("forever");
    const hardware = newHardware();
    await wantPaid(licenseKey, hardware);
    expect((await verify(licenseKey, hardware)).valid).toBe(true);
    await expect(wantPaid(licenseKey, newHardware())).rejects.toThrow(
      "403 Installation limit exceeded",
    );
  });

  test("it is refused in the old words", async () => {
    const { licenseKey } = await issue("team");
    await expect(wantPaid("nothing", newHardware())).rejects.toThrow("403 License not found");
    await expect(wantPaid(licenseKey, "unknown")).rejects.toThrow("403 Invalid hardware ID");
    const { licenseKey: other } = await sell(seller, { pluginId: "@demo/calendar" });
    await expect(wantPaid(other, newHardware())).rejects.toThrow(
      "403 License is for a different plugin",
    );
    await expect(wantPaid(licenseKey, newHardware(), "@demo/nothing")).rejects.toThrow("404");
  });

  test("updates end where the license's do, and the last covered version stays", async () => {
    const { licenseKey } = await issue("forever");
    const hardware = newHardware();
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 400 * DAY_MS });
    const plans = [{ id: "forever", kind: "perpetual", period: "year", seats: 1 }];
    const later = await buildBundle(demo.key, {
      name: "@demo/invoices",
      version: "2.0.0",
      pricing: { plans },
    });
    const answer = await publish({ name: "@demo/invoices", version: "2.0.0" }, later, demo);
    expect(answer.status).toBe(201);
    const { url } = await wantPaid(licenseKey, hardware);
    expect(new URL(url).pathname).toBe(`/b/${await sha256Hex(paid)}.rbsm`);
  });

  test("a free plugin needs no license", async () => {
    const { token, url } = await wantPaid("", "unknown", "@demo/calendar");
    expect(url).toBe(`${ORIGIN}/b/${await sha256Hex(free)}.rbsm`);
    expect((await followToken(token)).status).toBe(200);
  });

  test.each(["nothing", "aHR0cHM6Ly9ldmlsLmV4YW1wbGU", "L3YxL3BsdWdpbnM"])(
    "the token %s leads nowhere",
    async (token) => {
      expect((await ask("GET", `/download/${token}`)).status).toBe(404);
    },
  );
});

describe("publishing", () => {
  const upload = async (bundle: Uint8Array<ArrayBuffer>, as = seller) => {
    const form = new FormData();
    form.append("plugin", JSON.stringify({ name: "calendar", version: "9.9.9" }));
    form.append("bundle", new Blob([bundle]), "plugin.bundle");
    const headers = { Authorization: await authorization(as) };
    return call("/v1/plugins", { method: "POST", headers, body: form });
  };
  const answered = z.object({ message: z.string().optional(), id: z.string().optional() });

  test("a signed bundle is published as what its manifest says", async () => {
    const bundle = await buildBundle(demo.key, { name: "@demo/calendar", version: "1.1.0" });
    const answer = await upload(bundle);
    expect(answer.status).toBe(201);
    expect(await answer.json()).toMatchObject({
      success: true,
      id: "@demo/calendar",
      version: "1.1.0",
      status: "approved",
      checksum: await sha256Hex(bundle),
    });
    expect(await auditOf("@demo/calendar@1.1.0")).toEqual(["release.publish"]);
    expect((await upload(bundle)).status).toBe(201);
  });

  test("a bundle of the old format is refused with the way out", async () => {
    const answer = await upload(utf8("RBSM\u0001\u0000\u0000old bytes"));
    expect(answer.status).toBe(422);
    expect(answered.parse(await answer.json()).message).toContain("rising-bsm build");
  });

  test("somebody else's scope is refused, and what is no upload", async () => {
    const bundle = await buildBundle(demo.key, { name: "@demo/calendar", version: "1.2.0" });
    expect((await upload(bundle, await setUp("rival"))).status).toBe(403);
    expect((await upload(bundle, STRANGER)).status).toBe(401);
    const data = { name: "calendar" };
    await expect(connector(answered, "POST", "/plugins", { as: seller, data })).rejects.toThrow(
      "400",
    );
  });

  test("nothing is written while the database is behind what was published", async () => {
    const known = await (await env.BUNDLES.get("log/checkpoint"))?.text();
    if (known === undefined) throw new Error("There is no checkpoint");
    await env.BUNDLES.put("log/checkpoint", known.replace(/\n\d+\n/, "\n999999\n"));
    const bundle = await buildBundle(demo.key, { name: "@demo/calendar", version: "1.3.0" });
    expect((await upload(bundle)).status).toBe(503);
    expect((await ask("DELETE", "/plugins/@demo/calendar", { as: seller })).status).toBe(503);
    const written = await env.DB.prepare(
      `SELECT (SELECT count(*) FROM versions WHERE version = '1.3.0') AS claimed,
        (SELECT count(*) FROM plugins WHERE removed_at IS NOT NULL AND name = '@demo/calendar') AS removed`,
    ).first();
    expect(written).toEqual({ claimed: 0, removed: 0 });
    await env.BUNDLES.put("log/checkpoint", known);
    expect((await upload(bundle)).status).toBe(201);
  });

  test("what a plugin shows is part of a release", async () => {
    const request = { as: seller, data: { displayName: "Other" } };
    await expect(connector(answered, "PUT", "/plugins/@demo/calendar", request)).rejects.toThrow(
      "409 What a plugin shows is in its signed manifest",
    );
  });

  test("a young plugin can be deleted by its owner", async () => {
    await publishFree(demo, "mistake");
    const rival = await setUp("rival");
    const path = "/plugins/@demo/mistake";
    await expect(connector(answered, "DELETE", path, { as: rival })).rejects.toThrow("403");
    expect(await connector(answered, "DELETE", path, { as: seller })).toMatchObject({
      message: "Plugin deleted",
    });
    await expect(connector(pluginShape, "GET", path)).rejects.toThrow("404");
  });
});
