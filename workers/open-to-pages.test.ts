import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import { buildBundle, call, createAccount, publish, resetMarketplace, send } from "./testing.ts";
import type { Account } from "./testing.ts";

const PLUGIN = "/v1/plugins/@acme/hello";
const SECRET = "/v1/plugins/@acme/secret";
const ADVISORY = "/v1/advisories/RBSA-2026-0001";

let acme: Account;

beforeAll(async () => {
  await resetMarketplace();
  acme = await createAccount("acme");
  for (const [name, visibility] of [
    ["@acme/hello", "public"],
    ["@acme/secret", "private"],
  ] as const) {
    const target = { name, version: "1.0.0" };
    const bundle = await buildBundle(acme.key, { ...target, visibility });
    expect((await publish(target, bundle, acme)).status).toBe(201);
  }
  const match = { plugin: "@acme/hello", versions: "<1.0.0" };
  const body = { match, action: "warn", reason: "Loses data" };
  expect((await send("PUT", ADVISORY, { body })).status).toBe(200);
});

async function openness(path: string, init: RequestInit = {}, bindings = env) {
  const { status, headers } = await call(path, init, bindings);
  expect(headers.has("Access-Control-Allow-Credentials")).toBe(false);
  return [status, headers.get("Access-Control-Allow-Origin")];
}

describe("pages of other sites", () => {
  test.each([
    "/v1/plugins?q=hello",
    PLUGIN,
    `${PLUGIN}/versions`,
    `${PLUGIN}/versions/1.0.0`,
    `${PLUGIN}/reviews`,
    "/v1/plugins/%40acme/hello",
    "/v1/changes",
    "/v1/changes?limit=1",
    "/v1/advisories/osv.json",
    ADVISORY,
  ])("may read %s, and ask for it by conditions", async (path) => {
    expect(await openness(path)).toEqual([200, "*"]);
    expect(await openness(path, { method: "HEAD" })).toEqual([200, "*"]);
    const asked = await call(path, { method: "OPTIONS" });
    expect([asked.status, asked.headers.get("Access-Control-Allow-Origin")]).toEqual([204, "*"]);
    expect(asked.headers.get("Access-Control-Allow-Headers")).toContain("If-None-Match");
    expect(asked.headers.get("Access-Control-Allow-Headers")).not.toMatch(/auth|proof/i);
    expect(asked.headers.get("Access-Control-Allow-Methods")).toBe("GET, HEAD");
  });

  test("are told that it is not there, or is not as it was asked for, or comes too often", async () => {
    expect(await openness("/v1/plugins/@acme/none")).toEqual([404, "*"]);
    expect(await openness(SECRET)).toEqual([404, "*"]);
    expect(await openness("/v1/advisories/none")).toEqual([404, "*"]);
    expect(await openness("/v1/plugins?limit=0")).toEqual([400, "*"]);
    expect(await openness("/v1/changes?after=x")).toEqual([400, "*"]);
    const RATE_BROWSE = { limit: async () => ({ success: false }) };
    const headers = { "CF-Connecting-IP": "192.0.2.1" };
    const often = await openness("/v1/changes", { headers }, { ...env, RATE_BROWSE });
    expect(often).toEqual([429, "*"]);
  });

  test("are told nothing that a token, a proof or a change was answered", async () => {
    const headers = { Authorization: `Bearer ${acme.token}` };
    expect(await openness(SECRET, { headers })).toEqual([200, null]);
    expect(await openness(`${SECRET}x`, { headers })).toEqual([404, null]);
    const proof = { headers: { "Rbsm-Proof": "a.b.c" } };
    expect(await openness(`${PLUGIN}/reviews/own`, proof)).toEqual([401, null]);
    expect(await openness(`${PLUGIN}/reviews`, { method: "POST" })).toEqual([401, null]);
    expect(await openness(PLUGIN, { method: "DELETE", headers })).toEqual([400, null]);
  });

  test("may read what is the same for everybody also where a cache has it from an owner", async () => {
    const headers = { Authorization: `Bearer ${acme.token}` };
    expect(await openness(PLUGIN, { headers })).toEqual([200, "*"]);
  });
});
