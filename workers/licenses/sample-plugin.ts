import { env } from "cloudflare:workers";
import { sha256Hex, utf8 } from "@rising-bsm/protocol";
import { z } from "zod";
import { send } from "../testing.ts";

export const PAID_BYTES = utf8("bundle bytes");
export const PAID_SHA256 = await sha256Hex(PAID_BYTES);

const PLANS = [
  { id: "pro", kind: "subscription", period: "month", seats: 1, entitlements: ["export"] },
  {
    id: "team",
    kind: "subscription",
    period: "year",
    seats: 3,
    entitlements: { export: true, rows: 500 },
  },
  { id: "forever", kind: "perpetual", period: "year", seats: 1 },
  { id: "trial", kind: "trial", trialDays: 14 },
  { id: "floating", kind: "floating", seats: 2 },
];

/** A published, paid plugin, as publishing leaves it in the database. */
export async function insertPaidPlugin(name: string, publisher: string): Promise<void> {
  const [scope = ""] = name.split("/");
  const manifest = {
    name,
    version: "1.0.0",
    main: "index.js",
    permissions: [],
    dependencies: {},
    pricing: { plans: PLANS },
  };
  const now = Date.now();
  await env.DB.batch([
    env.DB.prepare(
      "INSERT INTO plugins (name, scope, latest, created_at, updated_at) VALUES (?, ?, '1.0.0', ?, ?)",
    ).bind(name, scope, now, now),
    env.DB.prepare(
      `INSERT INTO versions (plugin, version, sort_key, status, seq, sha256, size, tree_digest, publisher_key_id, manifest, paid, created_at, published_at)
       SELECT ?, '1.0.0', '1', 'published', 1, ?, 1, 'h1:', key_id, ?, 1, ?, ? FROM publisher_keys WHERE publisher = ?`,
    ).bind(name, PAID_SHA256, JSON.stringify(manifest), now, now, publisher),
  ]);
}

const issued = z.object({ licenseId: z.string(), licenseKey: z.string() });

/** A license of one of the plans above. */
export async function issue(plugin: string, plan: string, more: object = {}) {
  const answer = await send("POST", "/v1/licenses", { body: { plugin, plan, ...more } });
  return issued.parse(await answer.json());
}
