import { env } from "cloudflare:workers";
import { orderResultSchema, orderStateSchema } from "@rising-bsm/protocol";
import { z } from "zod";
import type { Bindings } from "../env.ts";
import { buildBundle, call, publish } from "../testing.ts";
import type { Account } from "../testing.ts";
import type { FactKind } from "./decide-order.ts";
import { sampleEvent, signSampleEvent } from "./sample-events.ts";
import type { SampleFact } from "./sample-events.ts";
import type { StripeStandIn } from "./stripe-stand-in.ts";

export const PLUGIN = "@demo/invoices";
export const WEBHOOK_SECRET = "whsec_of_the_tests";

/** A Worker that sells, and whose provider is the stand-in. */
export const selling: Bindings = {
  ...env,
  STRIPE_SECRET_KEY: "sk_test_of_the_tests",
  STRIPE_WEBHOOK_SECRET: WEBHOOK_SECRET,
  STRIPE_API_URL: "http://stripe.test:1234",
};

const PLANS = [
  { id: "pro", kind: "subscription", period: "month", price: { amount: 9.99, currency: "EUR" } },
  {
    id: "team",
    kind: "subscription",
    period: "year",
    seats: 3,
    price: { amount: 90, currency: "EUR" },
  },
  { id: "forever", kind: "perpetual", period: "year", price: { amount: 99.5, currency: "USD" } },
  { id: "whole", kind: "perpetual", seats: -1, price: { amount: 1200, currency: "JPY" } },
  { id: "floating", kind: "floating", period: "month", price: { amount: 5, currency: "EUR" } },
  { id: "odd", kind: "perpetual", price: { amount: 9.999, currency: "EUR" } },
  { id: "gift", kind: "free" },
  { id: "try", kind: "trial", trialDays: 14 },
  { id: "asked", kind: "subscription" },
];

export async function publishSoldPlugin(
  account: Account,
  { name, ...more }: { readonly name: string; readonly visibility?: string } = { name: PLUGIN },
): Promise<void> {
  const manifest = { name, displayName: "Invoices", pricing: { plans: PLANS }, ...more };
  const bundle = await buildBundle(account.key, manifest);
  const answer = await publish({ name, version: "1.0.0" }, bundle, account);
  if (!answer.ok) throw new Error(await answer.text());
}

/** Requests to the stand-in reach it, all others their own server. */
export function standInFetch(standIn: StripeStandIn): typeof fetch {
  const real = globalThis.fetch;
  return (input, init) => {
    const request = new Request(input, init);
    return new URL(request.url).hostname === "stripe.test" ? standIn.fetch(request) : real(request);
  };
}

interface Sent {
  readonly key?: string;
  readonly address?: string;
  readonly bindings?: Bindings;
}

export function tryOrder(wish: object, sent: Sent = {}): Promise<Response> {
  const headers = {
    "Content-Type": "application/json",
    "CF-Connecting-IP": sent.address ?? randomAddress(),
    ...(sent.key === undefined ? {} : { "Idempotency-Key": sent.key }),
  };
  const body = JSON.stringify({ plugin: PLUGIN, ...wish });
  return call("/v1/orders", { method: "POST", headers, body }, sent.bindings ?? selling);
}

function randomAddress(): string {
  return `2001:db8:${crypto.randomUUID().slice(0, 4)}:${crypto.randomUUID().slice(0, 4)}::1`;
}

/** An order whose checkout is open. */
export async function order(plan: string, more: object = {}) {
  const answer = await tryOrder({ plan, ...more });
  const { orderId, url } = orderResultSchema.parse(await answer.json());
  return { orderId, session: url.slice(url.lastIndexOf("/") + 1) };
}

type SentFact = Omit<SampleFact, "orderId"> & {
  readonly event?: string;
  readonly at?: number;
  readonly orderId?: string | undefined;
  readonly bindings?: Bindings;
};

/** Sends a signed event; answers what the Worker did with it. */
export async function report(
  orderId: string,
  kind: FactKind,
  more: SentFact = {},
): Promise<string> {
  const answer = await tryReport(orderId, kind, more);
  return z.object({ received: z.string() }).parse(await answer.json()).received;
}

export async function tryReport(
  orderId: string,
  kind: FactKind,
  { event: id = `evt_${crypto.randomUUID()}`, at = Date.now(), bindings, ...more }: SentFact = {},
): Promise<Response> {
  const event = sampleEvent(kind, { orderId, ...more }, { id, at });
  return sendSigned(await signSampleEvent(event, WEBHOOK_SECRET, Date.now()), bindings);
}

export function sendSigned(
  { body, headers }: { readonly body: string; readonly headers: Readonly<Record<string, string>> },
  bindings: Bindings = selling,
): Promise<Response> {
  return call("/v1/payments/stripe", { method: "POST", headers, body }, bindings);
}

/** The order as its buyer sees it. */
export async function stateOf({ orderId, session }: { orderId: string; session: string }) {
  const answer = await call(`/v1/orders/${orderId}?session_id=${session}`, {}, selling);
  return orderStateSchema.parse(await answer.json());
}

/** The order's license as it is stored, but for when it was made and how often it was changed. */
export async function licenseOf(orderId: string) {
  const row = await env.DB.prepare("SELECT * FROM licenses WHERE order_id = ?")
    .bind(orderId)
    .first();
  if (row === null) return null;
  const { created_at: _, revision: __, ...rest } = row;
  return rest;
}
