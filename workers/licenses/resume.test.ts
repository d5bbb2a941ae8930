import { env } from "cloudflare:workers";
import { base64url, LICENSE_LIMITS } from "@rising-bsm/protocol";
import { beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { signingKey } from "../env.ts";
import { createAccount, refusal, resetMarketplace, send } from "../testing.ts";
import { failingAt } from "../testing-bindings.ts";
import { sampleCeremony, uploadTrust } from "../trust/sample-ceremony.ts";
import {
  activate,
  activeLicense,
  claimsOf,
  giveBack,
  leaseOf,
  refusalOf,
  tryActivate,
  tryRenew,
  tryResume,
} from "./sample-activation.ts";
import { newKey, registerInstance, sendSigned } from "./sample-instance.ts";
import { auditOf, issue, PLUGIN, publishPaidPlugin } from "./sample-plugin.ts";

beforeAll(async () => {
  await resetMarketplace();
  await publishPaidPlugin(await createAccount("demo"));
});

type Held = Awaited<ReturnType<typeof activeLicense>>;

async function renew({ instance, activationId }: Held, seq: number): Promise<string> {
  return leaseOf(await tryRenew(instance, { activationId, seq, rid: crypto.randomUUID() }));
}

async function act(licenseId: string, action: string): Promise<void> {
  const answer = await send("POST", `/v1/licenses/${licenseId}/${action}`);
  if (!answer.ok) throw new Error(await answer.text());
}

/** The rows as a backup has them. */
async function backUp(table: string, id: string) {
  const row = await env.DB.prepare(`SELECT * FROM ${table} WHERE id = ?`).bind(id).first();
  return z.record(z.string(), z.union([z.string(), z.number(), z.null()])).parse(row);
}

async function restore(table: string, row: Record<string, string | number | null>) {
  const columns = Object.keys(row);
  const places = columns.map(() => "?").join();
  await env.DB.prepare(`REPLACE INTO ${table} (${columns.join()}) VALUES (${places})`)
    .bind(...Object.values(row))
    .run();
}

async function forget(table: string, id: string) {
  await env.DB.prepare(`DELETE FROM ${table} WHERE id = ?`).bind(id).run();
}

describe("a host that was set back", () => {
  test("is told of the conflict, resumes with its old lease, and renews on", async () => {
    const held = await activeLicense();
    const { instance, activationId, lease: old, licenseId } = held;
    const newest = await renew(held, 1);
    const late = await tryRenew(instance, { activationId, seq: 1, rid: "late" });
    expect(await refusal(late)).toEqual([409, "license_conflict"]);
    const answer = await tryResume(instance, { activationId, lease: old });
    expect(await leaseOf(answer)).toBe(newest);
    expect((await claimsOf(instance, await renew(held, 2))).seq).toBe(3);
    const told = (await auditOf(licenseId)).slice(2);
    expect(told).toEqual(["license.conflict", "license.resume"]);
  });

  test("may lose the answer as often as it likes, and ask ten times at once", async () => {
    const held = await activeLicense();
    const newest = await renew(held, 1);
    const answers = Array.from({ length: 10 }, () => tryResume(held.instance, held));
    const leases = await Promise.all((await Promise.all(answers)).map(leaseOf));
    expect(new Set(leases)).toEqual(new Set([newest]));
    const row = await backUp("activations", held.activationId);
    expect(row).toMatchObject({ resumes: 1, resumed_seq: 2 });
  });

  test.each(["failed", "failed but stored"] as const)(
    "gets its lease when the database fails in between (%s)",
    async (fault) => {
      const held = await activeLicense();
      const newest = await renew(held, 1);
      const broken = failingAt(env, 2, fault);
      const failed = await tryResume(held.instance, held, { bindings: broken.bindings });
      expect([failed.status, broken.hit()]).toEqual([500, true]);
      expect(await leaseOf(await tryResume(held.instance, held))).toBe(newest);
      expect(await backUp("activations", held.activationId)).toMatchObject({ resumes: 1 });
      expect((await auditOf(held.licenseId)).slice(2)).toEqual(["license.resume"]);
    },
  );
});

describe("two copies of one host", () => {
  test("that take turns are stopped after some days, until somebody shows the key", async () => {
    const held = await activeLicense();
    const { instance, activationId, licenseId, licenseKey } = held;
    let behind = held.lease;
    let seq = 1;
    for (let day = 0; day < LICENSE_LIMITS.resumes; day++) {
      const ahead = await renew(held, seq);
      expect(await leaseOf(await tryResume(instance, { activationId, lease: behind }))).toBe(ahead);
      behind = ahead;
      seq += 1;
    }
    await renew(held, seq);
    for (let again = 0; again < 2; again++) {
      const answer = await tryResume(instance, { activationId, lease: behind });
      expect(await refusal(answer)).toEqual([409, "license_conflict"]);
    }
    const told = (await auditOf(licenseId)).filter((action) => action === "license.conflict");
    expect(told).toHaveLength(1);
    const { lease } = await activate(instance, licenseKey);
    expect(await leaseOf(await tryResume(instance, { activationId, lease: behind }))).toBe(lease);
  });
});

describe("a marketplace that was set back", () => {
  test("takes over a lease that it has forgotten", async () => {
    const held = await activeLicense();
    const { instance, activationId, licenseId } = held;
    const row = await backUp("activations", activationId);
    const second = await renew(held, 1);
    await restore("activations", row);
    const early = await tryRenew(instance, { activationId, seq: 2, rid: "next" });
    expect(await refusal(early)).toEqual([409, "license_conflict"]);
    const mine = { activationId, lease: second };
    expect(await leaseOf(await tryResume(instance, mine))).toBe(second);
    expect((await claimsOf(instance, await renew(held, 2))).seq).toBe(3);
    // Nobody did anything wrong.
    expect(await auditOf(licenseId)).not.toContain("license.conflict");
    expect(await backUp("activations", activationId)).toMatchObject({ conflicts: 0, resumes: 0 });
  });

  test.each(["failed", "failed but stored"] as const)(
    "takes over activation and instance that are gone, also when it fails (%s)",
    async (fault) => {
      const held = await activeLicense("trial");
      const { instance, activationId, licenseId, lease } = held;
      const until = (await claimsOf(instance, lease)).lic.until;
      await forget("activations", activationId);
      await forget("instances", instance.id);
      await env.DB.prepare("UPDATE licenses SET until = NULL WHERE id = ?").bind(licenseId).run();
      const broken = failingAt(env, 2, fault);
      const failed = await tryResume(instance, held, { bindings: broken.bindings });
      expect([failed.status, broken.hit()]).toEqual([500, true]);
      expect(await leaseOf(await tryResume(instance, held))).toBe(lease);
      expect((await claimsOf(instance, await renew(held, 1))).lic.until).toBe(until);
      expect(await backUp("activations", activationId)).toMatchObject({ trial: 1 });
      const other = await issue("trial");
      expect((await tryActivate(instance, other.licenseKey)).status).toBe(403);
      expect((await auditOf(licenseId)).slice(2)).toEqual(["license.resume"]);
    },
  );

  test("does not take over a seat that is somebody else's", async () => {
    const held = await activeLicense();
    await forget("activations", held.activationId);
    await activate(await registerInstance(), held.licenseKey);
    const answer = await tryResume(held.instance, held);
    expect(await refusal(answer)).toEqual([403, "license_refused"]);
  });

  test("does not believe somebody who shows another's lease", async () => {
    const held = await activeLicense();
    await forget("activations", held.activationId);
    await forget("instances", held.instance.id);
    const stranger = { id: held.instance.id, key: await newKey() };
    expect(await refusalOf(stranger, await tryResume(stranger, held))).toBeNull();
    expect(await leaseOf(await tryResume(held.instance, held))).toBe(held.lease);
  });

  test("cannot know a license that is gone", async () => {
    const held = await activeLicense();
    await forget("activations", held.activationId);
    await forget("licenses", held.licenseId);
    const answer = await tryResume(held.instance, held);
    expect(await refusalOf(held.instance, answer)).toBeNull();
  });
});

describe("resuming is refused", () => {
  test("to another instance, and with a lease of another activation", async () => {
    const [mine, other] = [await activeLicense(), await activeLicense()];
    const thief = await tryResume(other.instance, mine);
    expect(await refusalOf(other.instance, thief)).toBeNull();
    const swapped = { activationId: other.activationId, lease: mine.lease };
    expect((await tryResume(mine.instance, swapped)).status).toBe(403);
  });

  test.each(["", "a.b.c", "x".repeat(8_192)])("with %s instead of a lease", async (lease) => {
    const { instance, activationId } = await activeLicense();
    const answer = await tryResume(instance, { activationId, lease });
    expect(await refusal(answer)).toEqual([403, "license_refused"]);
  });

  test("after the lease was returned, by a word that the host can show", async () => {
    const held = await activeLicense();
    await giveBack(held.instance, held);
    const told = await refusalOf(held.instance, await tryResume(held.instance, held));
    expect(told).toMatchObject({ reason: "returned", activation: held.activationId, seq: 1 });
  });

  test("without a proof of the rest of the request", async () => {
    const { instance, activationId, lease } = await activeLicense();
    const body = { lease, more: true };
    const path = `/v1/activations/${activationId}/resume`;
    expect((await sendSigned(instance.key, path, { body })).status).toBe(400);
    expect((await sendSigned(await newKey(), path, { body: { lease } })).status).toBe(403);
  });
});

describe("a refusal to the holder of a lease", () => {
  const REASONS = [
    ["suspended", "state = 'suspended'"],
    ["revoked", "state = 'revoked'"],
    ["disputed", "payment = 'disputed'"],
    ["refunded", "payment = 'refunded'"],
    ["ended", "until = 1"],
  ] as const;

  test.each(REASONS)("says that it is %s, to whom and about what", async (reason, change) => {
    const { instance, activationId, licenseId } = await activeLicense();
    await env.DB.prepare(`UPDATE licenses SET ${change} WHERE id = ?`).bind(licenseId).run();
    const body = { activationId, seq: 1, rid: "r" };
    const answer = await sendSigned(instance.key, "/v1/leases", { body, rid: "r", nonce: "n-1" });
    expect(answer.status).toBe(403);
    expect(await refusalOf(instance, answer)).toMatchObject({
      reason,
      aud: instance.id,
      sub: licenseId,
      activation: activationId,
      plugin: "@demo/invoices",
      seq: 1,
      nonce: "n-1",
    });
  });

  test("is not given to anybody else", async () => {
    const { activationId, licenseId, licenseKey } = await activeLicense();
    await act(licenseId, "suspend");
    const stranger = await registerInstance();
    const renewal = await tryRenew(stranger, { activationId, seq: 1, rid: "r" });
    expect(await refusalOf(stranger, renewal)).toBeNull();
    expect(await refusalOf(stranger, await tryActivate(stranger, licenseKey))).toBeNull();
  });

  test("is over when the license is reinstated", async () => {
    const held = await activeLicense();
    await act(held.licenseId, "suspend");
    const { instance, activationId } = held;
    const body = { activationId, seq: 1, rid: "r" };
    expect((await tryRenew(instance, body)).status).toBe(403);
    await act(held.licenseId, "reinstate");
    expect((await tryRenew(instance, body)).status).toBe(200);
  });
});

describe("after the marketplace's key was changed", () => {
  test("leases of the earlier key resume and download as long as the ceremonies list it", async () => {
    const held = await activeLicense();
    const seed = base64url(crypto.getRandomValues(new Uint8Array(32)));
    const bindings = { ...env, LEASE_KEY: seed };
    const wanted = { plugin: PLUGIN, version: "1.0.0", lease: held.lease };
    const download = () =>
      sendSigned(held.instance.key, "/v1/downloads", { body: wanted, bindings });
    expect((await tryResume(held.instance, held, { bindings })).status).toBe(403);
    expect((await download()).status).toBe(403);
    const earlier = await signingKey(env, "LEASE_KEY");
    const later = await signingKey(bindings, "LEASE_KEY");
    const listed = [earlier, later].map(({ keyId: kid, publicKey }) => {
      return { kid, publicKey: base64url(publicKey), from: "2026-01-01T00:00:00Z" };
    });
    const ceremony = await sampleCeremony({ serviceKeys: { lease: listed } });
    expect((await uploadTrust(ceremony)).status).toBe(200);
    expect(await leaseOf(await tryResume(held.instance, held, { bindings }))).toBe(held.lease);
    expect((await download()).status).toBe(200);
  });
});

describe("seats and overage", () => {
  test("one above the seats is told so, and the third is refused", async () => {
    const { licenseId, licenseKey } = await issue("roomy");
    const [first, second, third] = [
      await registerInstance(),
      await registerInstance(),
      await registerInstance(),
    ];
    const seated = await activate(first, licenseKey);
    const over = await activate(second, licenseKey);
    expect((await claimsOf(first, seated.lease)).lic.overage).toBeUndefined();
    expect((await claimsOf(second, over.lease)).lic.overage).toBe(true);
    expect((await tryActivate(third, licenseKey)).status).toBe(403);
    await activate(second, licenseKey);
    const told = (await auditOf(licenseId)).filter((action) => action === "license.overage");
    expect(told).toHaveLength(1);
    await giveBack(first, seated);
    const renewal = { activationId: over.activationId, seq: 2, rid: "r" };
    const lease = await leaseOf(await tryRenew(second, renewal));
    expect((await claimsOf(second, lease)).lic.overage).toBeUndefined();
  });

  test("a seat that ran out and was taken is not taken twice", async () => {
    const { instance, activationId, licenseKey } = await activeLicense();
    await env.DB.prepare("UPDATE activations SET held_until = 1 WHERE id = ?")
      .bind(activationId)
      .run();
    await activate(await registerInstance(), licenseKey);
    const answer = await tryRenew(instance, { activationId, seq: 1, rid: "r" });
    expect(await refusal(answer)).toEqual([403, "license_refused"]);
  });

  test("a seat that ran out is taken by one of many that renew at once", async () => {
    const { licenseKey } = await issue("team", { seats: 4 });
    const held = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const instance = await registerInstance();
        return { instance, ...(await activate(instance, licenseKey)) };
      }),
    );
    await env.DB.prepare("UPDATE activations SET held_until = 1").run();
    await env.DB.prepare("UPDATE licenses SET seats = 1").run();
    const answers = await Promise.all(
      held.map(({ instance, activationId }) =>
        tryRenew(instance, { activationId, seq: 1, rid: "r" }),
      ),
    );
    const granted = answers.filter(({ status }) => status === 200);
    expect([granted.length, answers.filter(({ status }) => status === 403).length]).toEqual([1, 3]);
  });
});
