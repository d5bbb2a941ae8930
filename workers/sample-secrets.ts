import { vi } from "vitest";
import { z } from "zod";
import type { Bindings } from "./env.ts";
import { activate, giveBack } from "./licenses/sample-activation.ts";
import { registerInstance, sendSigned } from "./licenses/sample-instance.ts";
import type { SampleInstance } from "./licenses/sample-instance.ts";
import { issue, PLUGIN } from "./licenses/sample-plugin.ts";
import { order, publishSoldPlugin, report, selling } from "./orders/sample-order.ts";
import { standInFetch, stateOf } from "./orders/sample-order.ts";
import { stripeStandIn } from "./orders/stripe-stand-in.ts";
import { createAccount, send } from "./testing.ts";
import type { Account } from "./testing.ts";
import { createWebhook } from "./webhooks/sample-webhook.ts";

/** What opened something while everything was sold, by what it is. */
export interface Sale {
  readonly account: Account;
  readonly instance: SampleInstance;
  readonly activationId: string;
  readonly lease: string;
  readonly link: string;
  readonly licenseIds: readonly string[];
  readonly secrets: Readonly<Record<string, string>>;
}

const keySchema = z.object({ licenseKey: z.string() });

/** One of everything: account, tokens, licenses, an order, leases, links, a webhook, a return. */
export async function sellEverything(): Promise<Sale> {
  const account = await createAccount("demo");
  // Among its plans is a free one: only because it is unlisted does its bundle need a link.
  await publishSoldPlugin(account, { name: PLUGIN, visibility: "unlisted" });
  const { secret: webhookSecret } = await createWebhook();
  const issued = await issue("forever");
  const instance = await registerInstance();
  const { activationId, lease } = await activate(instance, issued.licenseKey);
  const link = await linkOf(instance, lease);
  const returned = await issue("gift");
  await giveBack(instance, await activate(instance, returned.licenseKey));
  const moved = await send("POST", `/v1/licenses/${issued.licenseId}/transfer`);
  const checkout = await order("pro");
  await report(checkout.orderId, "paid", { until: Date.now() + 1e9 });
  const bought = (await stateOf(checkout)).licenseKey ?? "";
  await activate(instance, bought);
  const legacy = await send("POST", "/v1/tokens", {
    body: { publisher: "demo", permissions: ["licenses"], legacy: true },
  });
  const legacyToken = z
    .object({ token: z.string(), legacySecret: z.string() })
    .parse(await legacy.json());
  const secrets = {
    ...settingsOf(selling),
    "token of a publisher": account.token,
    "token of the old connector": legacyToken.token,
    "secret of the old connector": legacyToken.legacySecret,
    "license key": issued.licenseKey,
    "license key after a transfer": keySchema.parse(await moved.json()).licenseKey,
    "license key that was returned": returned.licenseKey,
    "license key that was bought": bought,
    "checkout session": checkout.session,
    "secret of a webhook": webhookSecret,
    "code of a link": new URL(link).searchParams.get("m") ?? "",
  };
  const licenseIds = [issued.licenseId, returned.licenseId];
  return { account, instance, activationId, lease, link, licenseIds, secrets };
}

/** Nobody outside is asked: a payment provider answers, and whoever has a webhook. Gives what that got. */
export function standInForOthers(): string[] {
  const received: string[] = [];
  const pay = standInFetch(stripeStandIn());
  vi.stubGlobal("fetch", async (input: RequestInfo, init?: RequestInit) => {
    const request = new Request(input, init);
    if (new URL(request.url).hostname === "stripe.test") return pay(request);
    received.push(await request.text());
    return new Response(null, { status: 204 });
  });
  return received;
}

/** A link to the sold bundle. */
async function linkOf(instance: SampleInstance, lease: string): Promise<string> {
  const body = { plugin: PLUGIN, version: "1.0.0", lease };
  const answer = await sendSigned(instance.key, "/v1/downloads", { body });
  return z.object({ url: z.string() }).parse(await answer.json()).url;
}

/** The Worker's own secrets. */
function settingsOf(bindings: Bindings): Record<string, string> {
  const isSecret = (name: string) => /_KEY$|_TOKEN$|_SECRET$/.test(name);
  return Object.fromEntries(
    Object.entries(bindings).flatMap(([name, value]) =>
      isSecret(name) && typeof value === "string" ? [[name, value] as const] : [],
    ),
  );
}
