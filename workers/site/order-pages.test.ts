import { env } from "cloudflare:workers";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { tryActivate } from "../licenses/sample-activation.ts";
import { registerInstance } from "../licenses/sample-instance.ts";
import { order, PLUGIN, publishSoldPlugin, report, selling } from "../orders/sample-order.ts";
import { standInFetch, stateOf } from "../orders/sample-order.ts";
import { stripeStandIn } from "../orders/stripe-stand-in.ts";
import { call, createAccount, resetMarketplace } from "../testing.ts";
import type { Bindings } from "../env.ts";

const HTML = { Accept: "text/html" };
const stripe = stripeStandIn();

beforeAll(async () => {
  vi.stubGlobal("fetch", standInFetch(stripe));
  await resetMarketplace();
  await publishSoldPlugin(await createAccount("demo"));
});
afterAll(() => {
  vi.unstubAllGlobals();
});

async function page(path: string, bindings: Bindings = selling, init: RequestInit = {}) {
  const response = await call(path, { headers: HTML, ...init }, bindings);
  return { response, status: response.status, html: await response.text() };
}

function buy(fields: Record<string, string>, lang = "en") {
  const body = new URLSearchParams(fields);
  const headers = { ...HTML, "CF-Connecting-IP": `192.0.2.${Math.floor(Math.random() * 256)}` };
  return page(`/plugins/${PLUGIN}/buy?lang=${lang}`, selling, { method: "POST", body, headers });
}

test("the plugin's page sells the plans that have a price, where a provider is set up", async () => {
  const path = `/plugins/${PLUGIN}?lang=en`;
  const { html } = await page(path);
  expect(html).toContain(`action="/plugins/${PLUGIN}/buy?lang=en"`);
  expect(html.match(/<button>Buy<\/button>/g)).toHaveLength(6);
  expect(html).toContain('min="3" max="10000" step="3" value="3"');
  expect(html).toContain("$99.50 once, updates for a year");
  expect(html).toContain("€9.99 a month");
  expect((await page(path, env)).html).not.toContain("<button>Buy</button>");
});

test("the form of a plan leads to the provider's page, also without a script", async () => {
  const { status, html, response } = await buy({ plan: "team", seats: "6", org: "Muster & Co" });
  expect(status).toBe(200);
  const [session] = [...stripe.checkouts.keys()].slice(-1);
  const url = `https://checkout.stripe.test/c/pay/${session}`;
  expect(html).toContain(`<meta http-equiv="refresh" content="0;url=${url}"`);
  expect(html).toContain(`href="${url}"`);
  expect(response.headers.get("Cache-Control")).toBe("no-store");
  expect(response.headers.get("Content-Security-Policy")).toContain("form-action 'self'");
  const params = stripe.checkouts.get(session ?? "");
  expect(params?.get("line_items[0][quantity]")).toBe("2");
  const org = await env.DB.prepare("SELECT org FROM orders WHERE id = ?")
    .bind(params?.get("metadata[orderId]"))
    .first("org");
  expect(org).toBe("Muster & Co");
});

test("a form that was filled in wrongly says what is wrong", async () => {
  const steps = await buy({ plan: "team", seats: "4" });
  expect(steps.status).toBe(400);
  expect(steps.html).toContain("Order 6 seats.");
  expect((await buy({ plan: "pro", seats: "x" })).status).toBe(400);
  expect((await buy({ plan: "pro", seats: "", org: "" })).status).toBe(200);
});

test("the order's page waits for the payment, then shows the key until it is used", async () => {
  const bought = await order("forever");
  const path = `/orders/${bought.orderId}?session_id=${bought.session}`;
  const waiting = await page(`${path}&lang=en`);
  expect(waiting.html).toContain("Your payment is not confirmed yet");
  expect(waiting.html).toContain('<meta http-equiv="refresh" content="5"');
  await report(bought.orderId, "paid");
  const { licenseKey } = await stateOf(bought);
  const { html, response } = await page(`${path}&lang=de`);
  expect(html).toContain(`<code>${licenseKey}</code>`);
  expect(html).toContain("99,50");
  expect(html).not.toContain("http-equiv");
  expect(response.headers.get("Cache-Control")).toBe("no-store");
  expect(response.headers.get("Referrer-Policy")).toBe("no-referrer");
  expect(html).toContain('<meta name="robots" content="noindex"');
  await tryActivate(await registerInstance(), licenseKey ?? "");
  const used = await page(`${path}&lang=en`);
  expect(used.html).toContain("The license is in use");
  expect(used.html).not.toContain(licenseKey);
});

test("the order's page is there for nobody else", async () => {
  const [bought, other] = [await order("forever"), await order("forever")];
  await report(bought.orderId, "paid");
  for (const path of [
    `/orders/${bought.orderId}`,
    `/orders/${bought.orderId}?session_id=${other.session}`,
    `/orders/${crypto.randomUUID()}?session_id=${bought.session}`,
    `/orders/nonsense?session_id=${bought.session}`,
  ]) {
    expect((await page(path)).status).toBe(404);
  }
});

test.for(["refunded", "disputed", "cancelled"] as const)(
  "says that an order is %s",
  async (kind) => {
    const bought = await order("forever");
    await report(bought.orderId, "paid");
    await report(bought.orderId, kind);
    const { html } = await page(`/orders/${bought.orderId}?session_id=${bought.session}&lang=en`);
    const words = { refunded: "was returned", disputed: "is disputed", cancelled: "Cancelled" };
    expect(html).toContain(words[kind]);
  },
);
