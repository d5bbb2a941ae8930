import {
  activationResultSchema,
  licenseResultSchema,
  pluginDocumentSchema,
} from "@rising-bsm/protocol";
import { beforeAll, expect, test } from "vitest";
import { buildBundle, call, createAccount, publish, resetMarketplace, send } from "../testing.ts";
import type { Account } from "../testing.ts";
import { claimsOf } from "./sample-activation.ts";
import { registerInstance, sendSigned } from "./sample-instance.ts";

const target = { name: "@acme/freemium", version: "1.0.0" };
const plans = [
  { id: "basic", kind: "free" },
  {
    id: "pro",
    kind: "subscription",
    entitlements: ["export"],
    price: { amount: 9, currency: "EUR" },
  },
];
let acme: Account;

beforeAll(async () => {
  await resetMarketplace();
  acme = await createAccount("acme");
  await publish(target, await buildBundle(acme.key, { ...target, pricing: { plans } }), acme);
});

test("a free plan beside paid ones makes a free plugin: listed as free, served to anybody", async () => {
  const document = await call(`/index/${target.name}.json`);
  const [version] = pluginDocumentSchema.parse(await document.json()).versions;
  expect(version?.paid).toBe(false);
  expect((await call(version?.bundle ?? "")).status).toBe(200);
  const page = await call("/v1/plugins?price=free");
  expect(await page.json()).toMatchObject({ items: [{ name: target.name, price: null }] });
});

test("a license of its paid plan is sold and activated like any other", async () => {
  const order = { plugin: target.name, plan: "pro" };
  const sold = await send("POST", "/v1/licenses", { body: order, token: acme.token });
  const { licenseKey } = licenseResultSchema.parse(await sold.json());
  const instance = await registerInstance();
  const body = { licenseKey, plugin: target.name, instanceId: instance.id };
  const answer = await sendSigned(instance.key, "/v1/licenses/activate", { body });
  const { lease } = activationResultSchema.parse(await answer.json());
  expect(await claimsOf(instance, lease)).toMatchObject({ ent: { export: true } });
  const wanted = { plugin: target.name, version: target.version, lease };
  const download = await sendSigned(instance.key, "/v1/downloads", { body: wanted });
  expect(download.status).toBe(200);
});
