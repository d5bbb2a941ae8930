import { env } from "cloudflare:workers";
import {
  base64url,
  BEACON_LIMITS,
  instanceResultSchema,
  LICENSE_LIMITS,
} from "@rising-bsm/protocol";
import { beforeAll, describe, expect, test } from "vitest";
import { createAccount, refusal, resetMarketplace } from "../testing.ts";
import { failingAt } from "../testing-bindings.ts";
import {
  activate,
  activeLicense,
  claimsOf,
  giveBack,
  leaseOf,
  tryActivate,
  tryRenew,
} from "./sample-activation.ts";
import { newKey, registerInstance, sendSigned } from "./sample-instance.ts";
import type { SampleInstance } from "./sample-instance.ts";
import { auditOf, issue, publishPaidPlugin } from "./sample-plugin.ts";

beforeAll(async () => {
  await resetMarketplace();
  await publishPaidPlugin(await createAccount("demo"));
});

describe("a database that fails in the middle", () => {
  const faults = [1, 2].flatMap((nth) =>
    (["failed", "failed but stored"] as const).map((fault) => ({ nth, fault })),
  );

  test.each(faults)(
    "of an activation (call $nth $fault): a repeated one takes one seat",
    async ({ nth, fault }) => {
      const { licenseKey, licenseId } = await issue("team");
      const instance = await registerInstance();
      const broken = failingAt(env, nth, fault);
      const more = { rid: "same", bindings: broken.bindings };
      expect((await tryActivate(instance, licenseKey, more)).status).toBe(500);
      expect(broken.hit()).toBe(true);
      const { lease } = await activate(instance, licenseKey, { rid: "same" });
      expect((await claimsOf(instance, lease)).seq).toBe(1);
      expect(await auditOf(licenseId)).toEqual(["license.issue", "license.activate"]);
    },
  );

  test.each(["failed", "failed but stored"] as const)(
    "of a renewal (%s): a repeated one gets one lease",
    async (fault) => {
      const { instance, activationId } = await activeLicense();
      const body = { activationId, seq: 1, rid: "same" };
      const { bindings } = failingAt(env, 1, fault);
      const lost = await sendSigned(instance.key, "/v1/leases", { body, rid: "same", bindings });
      expect(lost.status).toBe(500);
      const lease = await leaseOf(await tryRenew(instance, body));
      expect((await claimsOf(instance, lease)).seq).toBe(2);
    },
  );

  test.each(["failed", "failed but stored"] as const)(
    "of a renewal that takes a seat of the overage (%s): it is told once",
    async (fault) => {
      const { licenseId, licenseKey } = await issue("roomy");
      const [late, other] = [await registerInstance(), await registerInstance()];
      const { activationId } = await activate(late, licenseKey);
      await env.DB.prepare("UPDATE activations SET held_until = 1 WHERE id = ?")
        .bind(activationId)
        .run();
      await activate(other, licenseKey);
      const body = { activationId, seq: 1, rid: "same" };
      const { bindings, hit } = failingAt(env, 1, fault);
      const lost = await sendSigned(late.key, "/v1/leases", { body, rid: "same", bindings });
      expect([lost.status, hit()]).toEqual([500, true]);
      const lease = await leaseOf(await tryRenew(late, body));
      expect((await claimsOf(late, lease)).lic.overage).toBe(true);
      const told = (await auditOf(licenseId)).filter((action) => action === "license.overage");
      expect(told).toHaveLength(1);
    },
  );

  test.each(["failed", "failed but stored"] as const)(
    "of a conflict that is counted (%s): it is told once",
    async (fault) => {
      const { instance, activationId, licenseId } = await activeLicense();
      await tryRenew(instance, { activationId, seq: 1, rid: "a" });
      const body = { activationId, seq: 1, rid: "b" };
      const { bindings } = failingAt(env, 1, fault);
      const lost = await sendSigned(instance.key, "/v1/leases", { body, rid: "b", bindings });
      expect(lost.status).toBe(500);
      expect((await tryRenew(instance, body)).status).toBe(409);
      const told = (await auditOf(licenseId)).filter((action) => action === "license.conflict");
      expect(told).toHaveLength(1);
    },
  );

  test.each(["failed", "failed but stored"] as const)(
    "of a return (%s): a repeated one frees the seat",
    async (fault) => {
      const { instance, licenseKey, activationId, lease } = await activeLicense();
      const { bindings } = failingAt(env, 1, fault);
      expect((await giveBack(instance, { activationId, lease }, bindings)).status).toBe(500);
      expect((await giveBack(instance, { activationId, lease })).status).toBe(200);
      expect((await tryActivate(await registerInstance(), licenseKey)).status).toBe(200);
    },
  );
});

describe("an instance that came after its network's quota of registrations", () => {
  const address = "198.51.100.9";

  /** As if so many of the network had come before. */
  async function come(before: number): Promise<SampleInstance> {
    const key = await newKey();
    await register(await newKey());
    await env.DB.prepare("UPDATE network_days SET registered = ?").bind(before).run();
    return { key, id: await register(key) };
  }

  async function register(key: SampleInstance["key"]): Promise<string> {
    const body = { publicKey: base64url(key.publicKey) };
    const answer = await sendSigned(key, "/v1/instances", { body, address });
    return instanceResultSchema.parse(await answer.json()).instanceId;
  }

  async function registrationsOf({ id }: SampleInstance): Promise<unknown[]> {
    const text =
      "SELECT action FROM audit WHERE subject = ?1 AND EXISTS (SELECT 1 FROM instances WHERE id = ?1)";
    return (await env.DB.prepare(text).bind(id).all()).results;
  }

  test("becomes known with a license that it may hold, and with nothing less", async () => {
    const instance = await come(BEACON_LIMITS.registrationsPerNetwork + 1);
    const { licenseKey } = await issue("pro");
    const wrong = licenseKey.replace(/.{4}$/, "0000");
    const refused = await tryActivate(instance, wrong, { address });
    expect(await refusal(refused)).toEqual([429, "limit_rate"]);
    await activate(await registerInstance(), licenseKey);
    const full = await tryActivate(instance, licenseKey, { address });
    expect(await refusal(full)).toEqual([403, "license_refused"]);
    expect(await registrationsOf(instance)).toEqual([]);
    const { lease } = await activate(instance, (await issue("pro")).licenseKey, { address });
    expect((await claimsOf(instance, lease)).aud).toBe(instance.id);
    expect(await registrationsOf(instance)).toEqual([{ action: "instance.register" }]);
  });

  test("has its wrong keys counted, though it never registered itself", async () => {
    const instance = await come(BEACON_LIMITS.registrationsPerNetwork + 1);
    await env.DB.exec("UPDATE network_days SET registered = 0");
    const { licenseKey } = await issue("pro");
    const wrong = licenseKey.replace(/.{4}$/, "0000");
    const codes: (readonly [number, string])[] = [];
    for (let tries = 0; tries <= LICENSE_LIMITS.activationAttempts; tries++) {
      codes.push(await refusal(await tryActivate(instance, wrong, { address })));
    }
    expect(codes[0]).toEqual([403, "license_refused"]);
    expect(codes.at(-1)).toEqual([429, "limit_rate"]);
  });

  test("is refused until the day ends when many of its network had licenses too", async () => {
    const instance = await come(BEACON_LIMITS.registrationsWithLicense + 1);
    const { licenseKey } = await issue("pro");
    const answer = await tryActivate(instance, licenseKey, { address });
    const retryAfter = Number(answer.headers.get("retry-after"));
    expect(await refusal(answer)).toEqual([429, "limit_rate"]);
    expect(retryAfter).not.toBe(30);
    expect(retryAfter).toBeLessThanOrEqual(86_400);
    expect(await registrationsOf(instance)).toEqual([]);
  });

  test.each(
    [1, 2, 3, 4].flatMap((nth) =>
      (["failed", "failed but stored"] as const).map((fault) => ({ nth, fault })),
    ),
  )("takes one seat, also after call $nth of it $fault", async ({ nth, fault }) => {
    const instance = await come(BEACON_LIMITS.registrationsPerNetwork + 1);
    const { licenseKey, licenseId } = await issue("pro");
    const broken = failingAt(env, nth, fault);
    const more = { rid: "same", address };
    const { bindings } = broken;
    expect((await tryActivate(instance, licenseKey, { ...more, bindings })).status).toBe(500);
    expect(broken.hit()).toBe(true);
    const { lease } = await activate(instance, licenseKey, more);
    expect((await claimsOf(instance, lease)).seq).toBe(1);
    expect(await auditOf(licenseId)).toEqual(["license.issue", "license.activate"]);
    expect(await registrationsOf(instance)).toEqual([{ action: "instance.register" }]);
  });
});
