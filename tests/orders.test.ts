import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { orderResultSchema, orderStateSchema } from "@rising-bsm/protocol";
import { afterAll, beforeAll, expect, test } from "vitest";
import { postJson } from "../scripts/demo/http.ts";
import { startStripe } from "../scripts/demo/payment-provider.ts";
import { run } from "../scripts/processes.ts";
import { startPublishedMarketplace } from "./published-marketplace.ts";
import type { PublishedMarketplace } from "./published-marketplace.ts";

const SECRET = "whsec_of_this_test";
const DAY_MS = 86_400_000;
let home: string;
let provider: Awaited<ReturnType<typeof startStripe>>;
let marketplace: PublishedMarketplace;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "rbsm-orders-"));
  provider = await startStripe();
  marketplace = await startPublishedMarketplace(home, {
    STRIPE_SECRET_KEY: "sk_test_of_this_test",
    STRIPE_WEBHOOK_SECRET: SECRET,
    STRIPE_API_URL: provider.url,
  });
  await publishSoldPlugin();
});

afterAll(async () => {
  await marketplace.worker.harness.close();
  provider.close();
  await rm(home, { recursive: true, force: true });
});

async function publishSoldPlugin(): Promise<void> {
  const folder = join(home, "sold");
  const price = { amount: 9.5, currency: "EUR" };
  const plans = [{ id: "pro", kind: "subscription", period: "month", price }];
  const manifest = {
    name: "@acme/sold",
    version: "1.0.0",
    main: "index.js",
    permissions: [],
    dependencies: {},
    pricing: { plans },
  };
  await mkdir(folder);
  await writeFile(join(folder, "manifest.json"), JSON.stringify(manifest));
  await writeFile(join(folder, "index.js"), "export default { methods: {} };");
  await marketplace.cli("deploy", folder);
}

function paymentEvent(kind: string, order: string, more: readonly string[] = []) {
  const given = ["--order", order, "--secret", SECRET, "--url", marketplace.url, ...more];
  return run("node", ["scripts/payment-event.ts", kind, ...given]);
}

test("an order in the deployed bundle is paid, renewed and refunded by signed events of `payment-event`", async () => {
  const wish = { plugin: "@acme/sold", plan: "pro", org: "Muster GmbH" };
  const placed = await postJson(`${marketplace.url}/v1/orders`, wish, {});
  const { orderId, url } = orderResultSchema.parse(placed);
  const session = url.slice(url.lastIndexOf("/") + 1);
  expect(
    provider.stripe.checkouts.get(session)?.get("line_items[0][price_data][unit_amount]"),
  ).toBe("950");
  const state = async () => {
    const query = new URLSearchParams({ session_id: session });
    const answer = await fetch(`${marketplace.url}/v1/orders/${orderId}?${query.toString()}`);
    return orderStateSchema.parse(await answer.json());
  };
  expect(await state()).toMatchObject({ state: "open", licenseKey: null });

  const forged = await paymentEvent("paid", orderId, ["--secret", "whsec_of_somebody"]);
  expect([forged.code, forged.stdout]).toEqual([1, expect.stringContaining("request_invalid")]);

  const [first, second] = [30, 60].map((days) => new Date(Date.now() + days * DAY_MS));
  const until = (date: Date | undefined) => ["--until", date?.toISOString().slice(0, 10) ?? ""];
  const firstEvent = [...until(first), "--event", "evt_1"];
  const paid = await paymentEvent("paid", orderId, firstEvent);
  expect([paid.code, paid.stdout.trim()]).toEqual([0, '{"received":"applied"}']);
  const again = await paymentEvent("paid", orderId, firstEvent);
  expect(again.stdout.trim()).toBe('{"received":"repeated"}');
  const bought = await state();
  expect(bought).toMatchObject({ state: "paid", licenseKey: expect.stringMatching(/^RBSM-/) });

  await paymentEvent("paid", orderId, until(second));
  expect((await state()).paidUntil?.slice(0, 10)).toBe(second?.toISOString().slice(0, 10));
  await paymentEvent("refunded", orderId);
  expect(await state()).toMatchObject({ state: "refunded", licenseId: bought.licenseId });
});
