import { env } from "cloudflare:workers";
import { base64url, downloadResultSchema, sha256Hex } from "@rising-bsm/protocol";
import { beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import {
  call,
  createAccount,
  createToken,
  ORIGIN,
  refusal,
  resetMarketplace,
  send,
} from "../testing.ts";
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
import { auditOf, issue, PLUGIN, publishPaidPlugin } from "./sample-plugin.ts";

let publisherToken: string;
let paidBundle: Uint8Array;

beforeAll(async () => {
  await resetMarketplace();
  const account = await createAccount("demo");
  publisherToken = account.token;
  paidBundle = await publishPaidPlugin(account);
});

function countStatuses(answers: readonly Response[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

describe("an instance", () => {
  test("gets the same id for the same key", async () => {
    const { key, id } = await registerInstance();
    const again = await sendSigned(key, "/v1/instances", {
      body: { publicKey: base64url(key.publicKey) },
    });
    expect(await again.json()).toEqual({ instanceId: id });
  });

  test("cannot register a key it does not hold", async () => {
    const body = { publicKey: base64url((await newKey()).publicKey) };
    const answer = await sendSigned(await newKey(), "/v1/instances", { body });
    expect(await refusal(answer)).toEqual([401, "auth_proof_invalid"]);
  });

  test("needs a proof", async () => {
    const headers = { "Content-Type": "application/json" };
    const body = JSON.stringify({ publicKey: base64url((await newKey()).publicKey) });
    const answer = await call("/v1/instances", { method: "POST", headers, body });
    expect(await refusal(answer)).toEqual([401, "auth_proof_invalid"]);
  });

  test("may have a clock that is years off", async () => {
    const key = await newKey();
    const body = { publicKey: base64url(key.publicKey) };
    const answer = await sendSigned(key, "/v1/instances", { body, now: Date.UTC(1999, 0, 1) });
    expect(answer.status).toBe(200);
  });
});

describe("issuing", () => {
  test("shows the key once and stores only its hash", async () => {
    const answer = await send("POST", "/v1/licenses", {
      body: { plugin: PLUGIN, plan: "pro" },
      token: publisherToken,
    });
    expect(answer.status).toBe(201);
    const { licenseId, licenseKey } = z.record(z.string(), z.string()).parse(await answer.json());
    const row = await env.DB.prepare("SELECT * FROM licenses WHERE id = ?").bind(licenseId).first();
    expect(JSON.stringify(row)).not.toContain(licenseKey?.slice(5));
    expect(await auditOf(licenseId ?? "")).toEqual(["license.issue"]);
  });

  test("is refused to a token without the permission and to other publishers", async () => {
    const body = { plugin: PLUGIN, plan: "pro" };
    const weak = await createToken({ publisher: "demo", permissions: ["publish"] });
    expect((await refusal(await send("POST", "/v1/licenses", { body, token: weak })))[1]).toBe(
      "auth_scope",
    );
    const { token } = await createAccount("other");
    expect((await refusal(await send("POST", "/v1/licenses", { body, token })))[1]).toBe(
      "auth_scope",
    );
  });

  test.for([
    [{ plugin: PLUGIN, plan: "gold" }, 400, "request_invalid"],
    [{ plugin: "@demo/nothing", plan: "pro" }, 404, "plugin_not_found"],
    [{ plugin: PLUGIN, plan: "pro", seats: 0 }, 400, "request_invalid"],
  ] as const)("of %o is refused", async ([body, status, code]) => {
    expect(await refusal(await send("POST", "/v1/licenses", { body }))).toEqual([status, code]);
  });
});

describe("activation", () => {
  test("answers a lease bound to license, plugin and instance key", async () => {
    const { licenseId, licenseKey } = await issue("team", { org: "Muster GmbH" });
    const instance = await registerInstance();
    const { lease } = await activate(instance, licenseKey, { nonce: "n-1" });
    const claims = await claimsOf(instance, lease);
    expect(claims).toMatchObject({
      sub: licenseId,
      plugin: PLUGIN,
      seq: 1,
      nonce: "n-1",
      org: "Muster GmbH",
      ent: { export: true, rows: 500 },
      lic: { kind: "subscription", seats: 3, grace: 14 * 86_400, updatesUntil: null },
    });
    expect(claims.exp - claims.iat).toBe(14 * 86_400);
    expect(await auditOf(licenseId)).toEqual(["license.issue", "license.activate"]);
  });

  test("repeated with its rid answers the stored lease, with another the next one", async () => {
    const { licenseKey } = await issue("pro");
    const instance = await registerInstance();
    const first = await activate(instance, licenseKey, { rid: "r" });
    expect(await activate(instance, licenseKey, { rid: "r" })).toEqual(first);
    const again = await activate(instance, licenseKey);
    expect(again.activationId).toBe(first.activationId);
    expect((await claimsOf(instance, again.lease)).seq).toBe(2);
  });

  test("takes one seat of one, however many ask at once", async () => {
    const { licenseKey } = await issue("pro");
    const instances = await Promise.all(Array.from({ length: 6 }, registerInstance));
    const answers = await Promise.all(
      instances.map((instance) => tryActivate(instance, licenseKey)),
    );
    expect(countStatuses(answers)).toEqual({ 200: 1, 403: 5 });
  });

  test("is refused with one public code for every reason", async () => {
    const instance = await registerInstance();
    const other = await issue("pro");
    await activate(await registerInstance(), other.licenseKey);
    const revoked = await issue("pro");
    await send("POST", `/v1/licenses/${revoked.licenseId}/revoke`);
    const unknown = "RBSM-0000-0000-0000-0000-0000-0000-0000-0000";
    for (const key of [unknown, other.licenseKey, revoked.licenseKey, "nonsense"]) {
      expect(await refusal(await tryActivate(instance, key))).toEqual([403, "license_refused"]);
    }
  });

  test("of a second trial on one instance is refused, the first one goes on", async () => {
    const [first, second] = [await issue("trial"), await issue("trial")];
    const instance = await registerInstance();
    const { lease } = await activate(instance, first.licenseKey);
    const claims = await claimsOf(instance, lease);
    expect(claims.lic.until).toBe(claims.iat + 14 * 86_400);
    expect((await refusal(await tryActivate(instance, second.licenseKey)))[1]).toBe(
      "license_refused",
    );
    expect((await activate(instance, first.licenseKey)).activationId).toBeDefined();
  });

  test("needs the key that the instance is registered with", async () => {
    const { licenseKey } = await issue("pro");
    const { id } = await registerInstance();
    const thief = { id, key: await newKey() };
    expect((await refusal(await tryActivate(thief, licenseKey)))[1]).toBe("auth_proof_invalid");
  });

  test("stops after ten refused keys, also for a good one and when all arrive at once", async () => {
    const instance = await registerInstance();
    const { licenseKey } = await issue("pro");
    const guess = (n: number) => `RBSM-0000-0000-0000-0000-0000-0000-0000-00${10 + n}`;
    const answers = await Promise.all(
      Array.from({ length: 14 }, (_, n) => tryActivate(instance, guess(n))),
    );
    expect(answers.filter(({ status }) => status === 403)).toHaveLength(10);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(4);
    expect(await refusal(await tryActivate(instance, licenseKey))).toEqual([429, "limit_rate"]);
    await env.DB.prepare("UPDATE activation_attempts SET window_ends_at = ? WHERE instance_id = ?")
      .bind(Date.now(), instance.id)
      .run();
    expect((await tryActivate(instance, licenseKey)).status).toBe(200);
  });

  test("with good keys is never stopped", async () => {
    const instance = await registerInstance();
    const { licenseKey } = await issue("pro");
    for (let n = 0; n < 12; n++) expect((await tryActivate(instance, licenseKey)).status).toBe(200);
  });
});

describe("renewal", () => {
  test("answers the next lease, and the same one for the same rid", async () => {
    const { instance, activationId } = await activeLicense();
    const lease = await leaseOf(await tryRenew(instance, { activationId, seq: 1, rid: "a" }));
    expect((await claimsOf(instance, lease)).seq).toBe(2);
    expect(await leaseOf(await tryRenew(instance, { activationId, seq: 1, rid: "a" }))).toBe(lease);
  });

  test("with another rid and a spent seq is a conflict, audited once", async () => {
    const { instance, activationId, licenseId } = await activeLicense();
    await tryRenew(instance, { activationId, seq: 1, rid: "a" });
    for (const rid of ["b", "c"]) {
      const answer = await tryRenew(instance, { activationId, seq: 1, rid });
      expect(await refusal(answer)).toEqual([409, "license_conflict"]);
    }
    expect((await auditOf(licenseId)).slice(2)).toEqual(["license.conflict"]);
    const row = await env.DB.prepare("SELECT conflicts, seq FROM activations WHERE id = ?")
      .bind(activationId)
      .first();
    expect(row).toEqual({ conflicts: 2, seq: 2 });
  });

  test("raced with eight rids is granted once", async () => {
    const { instance, activationId } = await activeLicense();
    const rids = Array.from({ length: 8 }, (_, n) => `r${n}`);
    const answers = await Promise.all(
      rids.map((rid) => tryRenew(instance, { activationId, seq: 1, rid })),
    );
    expect(countStatuses(answers)).toEqual({ 200: 1, 409: 7 });
  });

  test("raced with one rid answers one lease", async () => {
    const { instance, activationId } = await activeLicense();
    const same = Array.from({ length: 8 }, () =>
      tryRenew(instance, { activationId, seq: 1, rid: "r" }),
    );
    const leases = await Promise.all((await Promise.all(same)).map(leaseOf));
    expect(new Set(leases).size).toBe(1);
  });

  test("follows the state of the license", async () => {
    const { instance, activationId, licenseId } = await activeLicense();
    const act = (action: string) =>
      send("POST", `/v1/licenses/${licenseId}/${action}`, { token: publisherToken });
    expect(await (await act("suspend")).json()).toMatchObject({ licenseId, state: "suspended" });
    const refused = await tryRenew(instance, { activationId, seq: 1, rid: "a" });
    expect(await refusal(refused)).toEqual([403, "license_refused"]);
    await act("reinstate");
    expect((await tryRenew(instance, { activationId, seq: 1, rid: "a" })).status).toBe(200);
    await act("revoke");
    expect((await tryRenew(instance, { activationId, seq: 2, rid: "b" })).status).toBe(403);
    expect(await refusal(await act("reinstate"))).toEqual([409, "conflict_state"]);
    const expected = ["issue", "activate", "suspend", "reinstate", "revoke"].map(
      (name) => `license.${name}`,
    );
    expect(await auditOf(licenseId)).toEqual(expected);
  });

  test("by another instance's key is refused", async () => {
    const { activationId } = await activeLicense();
    const other = await registerInstance();
    expect(await refusal(await tryRenew(other, { activationId, seq: 1, rid: "a" }))).toEqual([
      403,
      "license_refused",
    ]);
  });

  test("with a proof for another rid is refused", async () => {
    const { instance, activationId } = await activeLicense();
    const answer = await sendSigned(instance.key, "/v1/leases", {
      body: { activationId, seq: 1, rid: "a" },
      rid: "b",
    });
    expect((await refusal(answer))[1]).toBe("auth_proof_invalid");
  });
});

describe("a seat", () => {
  test("is free at once after a signed receipt, and the returned lease renews no more", async () => {
    const { instance, licenseKey, licenseId, activationId, lease } = await activeLicense("forever");
    const other = await registerInstance();
    expect((await tryActivate(other, licenseKey)).status).toBe(403);
    expect((await giveBack(instance, { activationId, lease })).status).toBe(200);
    expect((await giveBack(instance, { activationId, lease })).status).toBe(200);
    expect((await tryActivate(other, licenseKey)).status).toBe(200);
    expect((await tryRenew(instance, { activationId, seq: 1, rid: "a" })).status).toBe(403);
    expect((await auditOf(licenseId)).filter((action) => action === "license.return")).toHaveLength(
      1,
    );
  });

  test("is not freed by a receipt for an older lease or by another key", async () => {
    const { instance, activationId, lease } = await activeLicense();
    await tryRenew(instance, { activationId, seq: 1, rid: "a" });
    expect((await giveBack(instance, { activationId, lease })).status).toBe(401);
    const other = await registerInstance();
    expect((await giveBack(other, { activationId, lease })).status).toBe(403);
  });

  test("of a returned license is not given back by repeating the activation", async () => {
    const { licenseKey } = await issue("pro");
    const [first, second] = [await registerInstance(), await registerInstance()];
    const held = await activate(first, licenseKey, { rid: "r" });
    await giveBack(first, held);
    await activate(second, licenseKey);
    expect((await tryActivate(first, licenseKey, { rid: "r" })).status).toBe(403);
  });

  test("stays taken after a transfer until the lease ends; the old key is dead", async () => {
    const { instance, licenseId, licenseKey, activationId } = await activeLicense();
    const answer = await send("POST", `/v1/licenses/${licenseId}/transfer`);
    const moved = z.object({ licenseKey: z.string() }).parse(await answer.json());
    const newcomer = await registerInstance();
    expect((await tryActivate(newcomer, licenseKey)).status).toBe(403);
    expect((await tryActivate(newcomer, moved.licenseKey)).status).toBe(403);
    expect((await tryRenew(instance, { activationId, seq: 1, rid: "a" })).status).toBe(403);
    await env.DB.prepare("UPDATE activations SET held_until = ? WHERE id = ?")
      .bind(Date.now(), activationId)
      .run();
    expect((await tryActivate(newcomer, moved.licenseKey)).status).toBe(200);
    expect((await refusal(await send("POST", `/v1/licenses/${licenseId}/transfer`)))[1]).toBe(
      "conflict_state",
    );
  });
});

describe("a paid download", () => {
  const download = (instance: SampleInstance, lease: string, more: object = {}) =>
    sendSigned(instance.key, "/v1/downloads", {
      body: { plugin: PLUGIN, version: "1.0.0", lease },
      ...more,
    });

  test("is a link for ten minutes that the Worker honours", async () => {
    const { instance, lease } = await activeLicense();
    const answer = await download(instance, lease);
    const { url, expiresAt } = downloadResultSchema.parse(await answer.json());
    const path = `/b/${await sha256Hex(paidBundle)}.rbsm`;
    expect(new URL(url).pathname).toBe(path);
    expect(Date.parse(expiresAt) - Date.now()).toBeGreaterThan(590_000);
    expect((await call(path)).status).toBe(403);
    const served = await (await call(url.slice(ORIGIN.length))).arrayBuffer();
    expect(new Uint8Array(served)).toEqual(paidBundle);
  });

  test("is refused with a stale proof", async () => {
    const { instance, lease } = await activeLicense();
    const stale = { now: Date.now() - 3_600_000 };
    expect((await download(instance, lease, stale)).status).toBe(401);
  });

  test("is refused with another instance's lease", async () => {
    const { lease } = await activeLicense();
    const thief = await registerInstance();
    expect(await refusal(await download(thief, lease))).toEqual([403, "license_refused"]);
  });
});
