import { env } from "cloudflare:workers";
import { fromBase64, hex, WEBHOOK_LIMITS } from "@rising-bsm/protocol";
import { createHmac } from "node:crypto";
import { expect, test } from "vitest";
import { signedHeaders, signingSecrets, webhookSecret } from "./sign-event.ts";

const NOW = Date.UTC(2026, 10, 23, 12);
const message = { id: "evt_000000000001_0123456789abcdef", body: '{"n":1}', now: NOW };

/** What the libraries of the Standard Webhooks are tested with. */
const STANDARD = {
  text: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
  message: {
    id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
    body: '{"test": 2432232314}',
    now: 1_614_265_330_000,
  },
  signature: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
};

test("signs as the Standard Webhooks do", async () => {
  const { text, message, signature } = STANDARD;
  const key = fromBase64(text.slice("whsec_".length));
  const headers = await signedHeaders(message, [{ text, key }]);
  expect(headers).toMatchObject({
    "webhook-id": message.id,
    "webhook-timestamp": "1614265330",
    "webhook-signature": signature,
  });
});

test("signs the body alone for receivers of the legacy marketplace, with the secret as it is written", async () => {
  const [secret] = await signingSecrets(env, { id: "one", secretVersion: 1, rotatedAt: null }, NOW);
  const headers = await signedHeaders(message, [secret]);
  const legacy = createHmac("sha256", secret.text).update(message.body).digest("hex");
  expect(headers["x-marketplace-signature"]).toBe(legacy);
});

test("secrets are 32 bytes, and others for another webhook and version", async () => {
  const secrets = await Promise.all(
    [
      { id: "one", secretVersion: 1 },
      { id: "one", secretVersion: 2 },
      { id: "two", secretVersion: 1 },
    ].map((webhook) => webhookSecret(env, webhook)),
  );
  for (const { text, key } of secrets) {
    expect(text).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(hex(fromBase64(text.slice("whsec_".length)))).toBe(hex(key));
  }
  expect(new Set(secrets.map(({ text }) => text)).size).toBe(3);
});

test("after a rotation both secrets sign for a day, the newest first", async () => {
  const rotated = { id: "one", secretVersion: 2, rotatedAt: NOW };
  const [before, after] = await Promise.all(
    [1, 2].map((secretVersion) => webhookSecret(env, { id: "one", secretVersion })),
  );
  const during = await signingSecrets(env, rotated, NOW + WEBHOOK_LIMITS.rotationMs - 1);
  expect(during).toEqual([after, before]);
  const both = (await signedHeaders(message, during))["webhook-signature"]?.split(" ");
  const alone = await Promise.all(during.map((secret) => signedHeaders(message, [secret])));
  expect(both).toEqual(alone.map((headers) => headers["webhook-signature"]));
  const later = await signingSecrets(env, rotated, NOW + WEBHOOK_LIMITS.rotationMs);
  expect(later).toEqual([after]);
});
