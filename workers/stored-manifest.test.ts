import { env } from "cloudflare:workers";
import { beforeAll, expect, test } from "vitest";
import { buildBundle, call, createAccount, publish, resetMarketplace, send } from "./testing.ts";
import type { Account } from "./testing.ts";

let acme: Account;

beforeAll(async () => {
  await resetMarketplace();
  acme = await createAccount("acme");
});

async function release(version: string): Promise<Response> {
  const target = { name: "@acme/old", version };
  const pricing = { plans: [{ id: "pro", kind: "perpetual" }] };
  return publish(target, await buildBundle(acme.key, { ...target, pricing }), acme);
}

/** A manifest of a time when the rules were others: every text is one that none would be today. */
const OLD = {
  displayName: "x".repeat(100),
  homepage: "ftp://example.com",
  license: "?",
  keywords: ["k".repeat(50)],
  categories: ["abolished"],
  network: ["no host"],
  dependencies: { "@acme/other": "whatever" },
  permissions: [{ code: "abolished.view", optional: false }],
  abolished: true,
};

test("a release that today's rules would refuse is still shown, sold and followed", async () => {
  expect((await release("1.0.0")).status).toBe(201);
  await env.DB.prepare("UPDATE versions SET manifest = json_patch(manifest, ?)")
    .bind(JSON.stringify(OLD))
    .run();
  const path = "/v1/plugins/@acme/old";
  for (const part of [path, `${path}/versions`, `${path}/versions/1.0.0`]) {
    expect([part, (await call(part)).status]).toEqual([part, 200]);
  }
  const body = { plugin: "@acme/old", plan: "pro" };
  expect((await send("POST", "/v1/licenses", { body })).status).toBe(201);
  const yank = { body: { reason: "Old" } };
  expect((await send("POST", `${path}/versions/1.0.0/yank`, yank)).status).toBe(200);
  expect((await release("1.1.0")).status).toBe(201);
  expect((await call("/plugins/@acme/old")).status).toBe(200);
  expect((await call("/?q=old")).status).toBe(200);
});
