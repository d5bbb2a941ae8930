import { base64, hex, utf8 } from "@rising-bsm/protocol";
import { secretBytes } from "../env.ts";
import type { Bindings } from "../env.ts";
import { mac } from "../mac.ts";
import { previousUntil } from "./decide-retry.ts";
import type { Webhook } from "./tables.ts";

/** A secret in the form of the Standard Webhooks: `whsec_` and the key in base64. */
export interface Secret {
  readonly text: string;
  readonly key: Uint8Array<ArrayBuffer>;
}

const PREFIX = "whsec_";

/** The secret of one version of a webhook; nothing of it is stored. */
export async function webhookSecret(
  env: Bindings,
  { id, secretVersion }: Pick<Webhook, "id" | "secretVersion">,
): Promise<Secret> {
  const key = await mac(secretBytes(env, "ISSUE_KEY"), "webhook secret", `${id}\n${secretVersion}`);
  return { text: PREFIX + base64(key), key };
}

/** The secrets that sign now, the newest first: after a rotation for a while the one before too. */
export async function signingSecrets(
  env: Bindings,
  webhook: Pick<Webhook, "id" | "secretVersion" | "rotatedAt">,
  now: number,
): Promise<readonly [Secret, ...Secret[]]> {
  const newest = await webhookSecret(env, webhook);
  if (previousUntil(webhook.rotatedAt) <= now) return [newest];
  const previous = { ...webhook, secretVersion: webhook.secretVersion - 1 };
  return [newest, await webhookSecret(env, previous)];
}

export interface Message {
  readonly id: string;
  readonly body: string;
  /** When it is sent, ms. */
  readonly now: number;
}

/**
 * The headers of a delivery. `X-Marketplace-Signature` is what receivers of the legacy marketplace
 * check: over the body alone, with the secret as it is written, and by the newest one only.
 */
export async function signedHeaders(
  { id, body, now }: Message,
  secrets: readonly [Secret, ...Secret[]],
): Promise<Record<string, string>> {
  const timestamp = Math.floor(now / 1000);
  const content = `${id}.${timestamp}.${body}`;
  const signatures = await Promise.all(secrets.map(({ key }) => hmac(key, content)));
  return {
    "webhook-id": id,
    "webhook-timestamp": String(timestamp),
    "webhook-signature": signatures.map((tag) => `v1,${base64(tag)}`).join(" "),
    "x-marketplace-signature": hex(await hmac(utf8(secrets[0].text), body)),
  };
}

async function hmac(key: Uint8Array<ArrayBuffer>, text: string) {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const imported = await crypto.subtle.importKey("raw", key, algorithm, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", imported, utf8(text)));
}
