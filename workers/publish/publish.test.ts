import { pluginDocumentSchema, sha256Hex } from "@rising-bsm/protocol";
import { beforeAll, expect, test } from "vitest";
import { buildBundle, call, createAccount, publish, resetMarketplace } from "../testing.ts";
import type { Account } from "../testing.ts";

let acme: Account;

beforeAll(async () => {
  await resetMarketplace();
  acme = await createAccount("acme");
});

test("a published version is listed, documented, stated, found and downloadable", async () => {
  const target = { name: "@acme/hello", version: "1.0.0" };
  const bundle = await buildBundle(acme.key, target);
  const sha256 = await sha256Hex(bundle);
  const answer = await publish(target, bundle, acme);
  expect(answer.status).toBe(201);
  expect(await answer.json()).toEqual({ status: "published", version: "1.0.0", sha256, findings: [] });

  const version = await call("/v1/plugins/@acme/hello/versions/1.0.0");
  expect(await version.json()).toMatchObject({ sha256, channels: ["latest"], status: "published" });
  const document = await (await call("/index/@acme/hello.json")).json();
  expect(pluginDocumentSchema.parse(document).versions[0]?.sha256).toBe(sha256);
  const served = await call(`/b/${sha256}.rbsm`);
  expect(await sha256Hex(new Uint8Array(await served.arrayBuffer()))).toBe(sha256);
  const page = await (await call("/v1/plugins?q=hello")).json();
  expect(page).toMatchObject({ items: [{ name: "@acme/hello" }] });
  const detail = await call("/v1/plugins/@acme/hello");
  expect(await detail.json()).toMatchObject({ version: "1.0.0", channels: { latest: "1.0.0" } });
});
