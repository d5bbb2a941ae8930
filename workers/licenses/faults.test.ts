import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import { createAccount, resetMarketplace } from "../testing.ts";
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
import { registerInstance, sendSigned } from "./sample-instance.ts";
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
