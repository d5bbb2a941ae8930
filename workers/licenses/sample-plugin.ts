import { env } from "cloudflare:workers";
import { z } from "zod";
import { buildBundle, publish, send } from "../testing.ts";
import type { Account } from "../testing.ts";

export const PLUGIN = "@demo/invoices";

const PLANS = [
  { id: "pro", kind: "subscription", period: "month", seats: 1, entitlements: ["export"] },
  {
    id: "team",
    kind: "subscription",
    period: "year",
    seats: 3,
    entitlements: { export: true, rows: 500 },
    price: { amount: 9, currency: "EUR" },
  },
  { id: "forever", kind: "perpetual", period: "year", seats: 1 },
  { id: "trial", kind: "trial", trialDays: 14 },
  { id: "floating", kind: "floating", seats: 2 },
  { id: "roomy", kind: "subscription", period: "month", seats: 1, overage: 1 },
];

/** Publishes the paid plugin of these tests; answers its bytes. */
export async function publishPaidPlugin(account: Account): Promise<Uint8Array<ArrayBuffer>> {
  const bundle = await buildBundle(account.key, { name: PLUGIN, pricing: { plans: PLANS } });
  const answer = await publish({ name: PLUGIN, version: "1.0.0" }, bundle, account);
  if (!answer.ok) throw new Error(await answer.text());
  return bundle;
}

const issued = z.object({ licenseId: z.string(), licenseKey: z.string() });

/** A license of one of the plans above. */
export async function issue(plan: string, more: object = {}) {
  const answer = await send("POST", "/v1/licenses", { body: { plugin: PLUGIN, plan, ...more } });
  return issued.parse(await answer.json());
}

/** What the record says was done to a license, in order. */
export function auditOf(licenseId: string): Promise<string[]> {
  return env.DB.prepare("SELECT action FROM audit WHERE subject = ? ORDER BY id")
    .bind(licenseId)
    .all<{ action: string }>()
    .then(({ results }) => results.map(({ action }) => action));
}
