import { env } from "cloudflare:workers";
import {
  licenseRequestSchema,
  MANIFEST_LIMITS,
  TRUST_LIMITS,
  verifyLease,
} from "@rising-bsm/protocol";
import { expect, test } from "vitest";
import { DAY_MS, NOON, sampleLicense, sampleTerms } from "./sample-license.ts";
import { leaseKeys, signNextLease } from "./sign-lease.ts";

const terms = sampleTerms();

test("the largest lease that a manifest and an order can lead to is one that hosts read", async () => {
  const names = Array.from({ length: MANIFEST_LIMITS.entitlements }, (_, i) => `e${i}`);
  const entitlements = names.map((name) => [name.padEnd(64, "x"), -Number.MAX_VALUE] as const);
  const id = crypto.randomUUID();
  const plugin = `@${"s".repeat(64)}/${"n".repeat(64)}`;
  const org = "€".repeat(200);
  expect(licenseRequestSchema.safeParse({ plugin, plan: "pro", org }).success).toBe(true);
  const { lease } = await signNextLease(
    env,
    sampleTerms({
      license: sampleLicense({ id, plugin, org, entitlements: Object.fromEntries(entitlements) }),
      activationId: id,
      instanceId: id,
      jkt: "j".repeat(43),
      seq: Number.MAX_SAFE_INTEGER,
      nonce: "€".repeat(128),
      overSeats: true,
    }),
    NOON,
  );
  expect(lease.length).toBeLessThanOrEqual(TRUST_LIMITS.tokenBytes);
  const claims = await verifyLease(lease, { keys: await leaseKeys(env), audience: id });
  expect(claims.ent).toEqual(Object.fromEntries(entitlements));
});

test("a lease that ends before an older one does not free the seat before that has ended", async () => {
  const before = { leaseUntil: NOON + 90 * DAY_MS, heldUntil: NOON + 90 * DAY_MS };
  const held = await signNextLease(env, { ...terms, before }, NOON);
  expect(held).toMatchObject(before);
});

test("a lease that was returned holds nothing", async () => {
  const before = { leaseUntil: NOON + 90 * DAY_MS, heldUntil: NOON };
  const until = NOON + 14 * DAY_MS;
  const held = await signNextLease(env, { ...terms, before }, NOON);
  expect(held).toMatchObject({ leaseUntil: until, heldUntil: until });
});

test("only a lease above the seats says so", async () => {
  for (const overSeats of [true, false]) {
    const { lease } = await signNextLease(env, { ...terms, overSeats }, NOON);
    const claims = await verifyLease(lease, { keys: await leaseKeys(env), audience: "instance-1" });
    expect(claims.lic.overage).toBe(overSeats ? true : undefined);
  }
});
