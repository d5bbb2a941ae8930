import { env } from "cloudflare:workers";
import {
  BEACON_LIMITS,
  LICENSE_LIMITS,
  OFFLINE_ANSWER_PATH,
  sha256Hex,
} from "@rising-bsm/protocol";
import type { SigningKey } from "@rising-bsm/protocol";
import { beforeAll, describe, expect, test, vi } from "vitest";
import {
  activeLicense,
  claimsOf,
  giveBack,
  leaseOf,
  tryActivate,
  tryRenew,
} from "../licenses/sample-activation.ts";
import { newKey, registerInstance } from "../licenses/sample-instance.ts";
import { HOUR_MS } from "../licenses/sample-license.ts";
import { auditOf, issue, PLUGIN, publishPaidPlugin } from "../licenses/sample-plugin.ts";
import {
  buildBundle,
  createAccount,
  publish,
  refusal,
  resetMarketplace,
  send,
} from "../testing.ts";
import type { Account } from "../testing.ts";
import { sampleCeremony, uploadTrust } from "../trust/sample-ceremony.ts";
import { ask, readAnswer, requestFile } from "./sample-request.ts";

let account: Account;
let paidBundle: Uint8Array;

beforeAll(async () => {
  await resetMarketplace();
  expect((await uploadTrust(await sampleCeremony())).status).toBe(200);
  account = await createAccount("demo");
  paidBundle = await publishPaidPlugin(account);
});

async function claimsIn(response: Response, key: SigningKey) {
  const { answer } = await readAnswer(response);
  return { answer, claims: await claimsOf({ key, id: answer.instanceId }, answer.lease) };
}

describe("a request with a license key", () => {
  test("is answered with a long lease and everything that a host reads", async () => {
    const { licenseKey, licenseId } = await issue("team");
    const key = await newKey();
    const before = Date.now();
    const response = await ask(await requestFile(key, { license: { key: licenseKey } }));
    expect(response.headers.get("content-type")).toBe("application/x-tar");
    expect(response.headers.get("cache-control")).toBe("no-store");
    const { answer, files } = await readAnswer(response);
    const claims = await claimsOf({ key, id: answer.instanceId }, answer.lease);
    expect(answer).toMatchObject({ plugin: PLUGIN, version: "1.0.0" });
    expect(claims).toMatchObject({ sub: licenseId, seq: 1, plugin: PLUGIN });
    expect(claims.exp * 1000).toBeGreaterThan(before + LICENSE_LIMITS.offlineLeaseMs - 1_000);
    const sha256 = await sha256Hex(paidBundle);
    expect(files.get(`b/${sha256}.rbsm`)).toEqual(paidBundle);
    const paths = [...files.keys()];
    expect(paths[0]).toBe(OFFLINE_ANSWER_PATH);
    expect(paths).toEqual(
      expect.arrayContaining([
        "tuf/timestamp.json",
        "tuf/1.root.json",
        "log/checkpoint",
        `index/${PLUGIN}/1.0.0.release.json`,
        `index/${PLUGIN}/1.0.0.tlog-proof`,
      ]),
    );
    for (const folder of ["tuf/targets/catalog/", "tuf/targets/", `index/${PLUGIN}/`]) {
      expect(paths.some((path) => path.startsWith(folder))).toBe(true);
    }
    expect(await auditOf(licenseId)).toEqual(["license.issue", "license.activate"]);
  });

  test("gets the same lease again when it comes again", async () => {
    const { licenseKey, licenseId } = await issue("team");
    const file = await requestFile(await newKey(), { license: { key: licenseKey } });
    const first = await readAnswer(await ask(file));
    const again = await readAnswer(await ask(file));
    expect(again.answer).toEqual(first.answer);
    expect(await auditOf(licenseId)).toEqual(["license.issue", "license.activate"]);
  });

  test("takes a seat until the lease has ended, also when a shorter lease follows", async () => {
    const { licenseKey, licenseId } = await issue("forever");
    await env.DB.prepare("UPDATE licenses SET kind = 'subscription', until = ? WHERE id = ?")
      .bind(Date.now() + 400 * 86_400_000, licenseId)
      .run();
    const key = await newKey();
    const file = await requestFile(key, { license: { key: licenseKey } });
    const { answer, claims } = await claimsIn(await ask(file), key);
    const instance = { key, id: answer.instanceId };
    const renewal = { activationId: answer.activationId, seq: claims.seq, rid: "online" };
    const online = await claimsOf(instance, await leaseOf(await tryRenew(instance, renewal)));
    expect(online.exp).toBeLessThan(claims.exp);
    const held = await env.DB.prepare("SELECT held_until FROM activations WHERE id = ?")
      .bind(answer.activationId)
      .first<number>("held_until");
    expect(held).toBeGreaterThanOrEqual(claims.exp * 1000);
    const other = await tryActivate(await registerInstance(), licenseKey);
    expect(await refusal(other)).toEqual([403, "license_refused"]);
  });

  test("of a floating license is refused: its seats are handed on every hour", async () => {
    const { licenseKey, licenseId } = await issue("floating");
    const file = await requestFile(await newKey(), { license: { key: licenseKey } });
    const response = await ask(file);
    expect(response.status).toBe(403);
    expect(await response.json()).toMatchObject({
      code: "license_refused",
      fix: expect.stringContaining("network"),
    });
    expect(await auditOf(licenseId)).toEqual(["license.issue"]);
  });

  test("that is wrong counts as an attempt, like one that is typed in", async () => {
    const key = await newKey();
    const wrong = { license: { key: `RBSM-${"ABCD-".repeat(7)}ABCD` } };
    const codes: string[] = [];
    for (let tries = 0; tries <= LICENSE_LIMITS.activationAttempts; tries++) {
      const [, code] = await refusal(await ask(await requestFile(key, wrong)));
      codes.push(code);
    }
    expect(codes.slice(0, -1).every((code) => code === "license_refused")).toBe(true);
    expect(codes.at(-1)).toBe("limit_rate");
  });

  test("that is wrong registers nobody beyond the quota of the network it comes from", async () => {
    const address = "198.51.100.7";
    const wrong = { license: { key: `RBSM-${"ABCD-".repeat(7)}ABCD` } };
    const known = async (refused: [number, string]) => {
      const answer = await ask(await requestFile(await newKey(), wrong), address);
      expect(await refusal(answer)).toEqual(refused);
      return env.DB.prepare("SELECT count(*) AS n FROM instances").first<number>("n");
    };
    const before = await known([403, "license_refused"]);
    await env.DB.prepare("UPDATE network_days SET registered = ?")
      .bind(BEACON_LIMITS.registrationsPerNetwork)
      .run();
    expect(await known([429, "limit_rate"])).toBe(before);
  });

  test("is refused for a version that there is not, and what was asked is said", async () => {
    const { licenseKey } = await issue("team");
    const request = { license: { key: licenseKey }, version: "^9.0.0" };
    const response = await ask(await requestFile(await newKey(), request));
    expect(await response.json()).toMatchObject({
      code: "plugin_not_found",
      detail: expect.stringContaining("^9.0.0"),
    });
  });
});

describe("a request to renew", () => {
  async function heldLicense(plan = "team") {
    const held = await activeLicense(plan);
    const { activationId, lease, instance } = held;
    return { ...held, license: { activationId, seq: 1, lease }, key: instance.key };
  }

  test("is answered with the next lease, and the same one to the same request", async () => {
    const { key, license, licenseId } = await heldLicense();
    const file = await requestFile(key, { license });
    const { answer, claims } = await claimsIn(await ask(file), key);
    expect(claims.seq).toBe(2);
    expect((await readAnswer(await ask(file))).answer).toEqual(answer);
    expect(await auditOf(licenseId)).toEqual(["license.issue", "license.activate"]);
  });

  test("of a lease that was renewed since gets the newest lease, and nothing new", async () => {
    const { key, license, instance, licenseId } = await heldLicense();
    const renewal = { activationId: license.activationId, seq: 1, rid: "lost" };
    const newest = await leaseOf(await tryRenew(instance, renewal));
    const { answer } = await readAnswer(await ask(await requestFile(key, { license })));
    expect(answer.lease).toBe(newest);
    expect(await auditOf(licenseId)).toContain("license.resume");
  });

  test("that is old gives whoever found it nothing, and counts nothing", async () => {
    const { key, license, instance, licenseId } = await heldLicense();
    const iat = Math.floor((Date.now() - LICENSE_LIMITS.resumeWindowMs) / 1000) - 60;
    const old = await requestFile(key, { license, iat });
    await tryRenew(instance, { activationId: license.activationId, seq: 1, rid: "since" });
    expect(await refusal(await ask(old))).toEqual([409, "license_conflict"]);
    expect(await auditOf(licenseId)).not.toContain("license.resume");
  });

  test("that comes again after its lease has ended gets a new one", async () => {
    const { key, license } = await heldLicense();
    const file = await requestFile(key, { license });
    const first = await claimsIn(await ask(file), key);
    const later = first.claims.exp * 1000 + 86_400_000;
    const { claims } = await at(later, async () => claimsIn(await ask(file), key));
    expect(claims.seq).toBe(first.claims.seq + 1);
    expect(claims.exp * 1000).toBeGreaterThan(later);
  });

  test("by another key, or with another's lease, is refused", async () => {
    const { license } = await heldLicense();
    const stolen = await requestFile(await newKey(), { license });
    expect(await refusal(await ask(stolen))).toEqual([403, "license_refused"]);
    const other = await heldLicense();
    const mixed = { ...license, lease: other.license.lease };
    const file = await requestFile(other.key, { license: mixed });
    expect(await refusal(await ask(file))).toEqual([403, "license_refused"]);
  });

  test("for another plugin than the lease opens neither lease nor bundle", async () => {
    const name = "@demo/other";
    const bundle = await buildBundle(account.key, {
      name,
      pricing: { plans: [{ id: "pro", kind: "perpetual" }] },
    });
    expect((await publish({ name, version: "1.0.0" }, bundle, account)).status).toBe(201);
    const { key, license } = await heldLicense();
    const file = await requestFile(key, { license, plugin: name });
    expect(await refusal(await ask(file))).toEqual([403, "license_refused"]);
  });

  test("of a returned or suspended license is refused", async () => {
    const returned = await heldLicense();
    await giveBack(returned.instance, returned);
    const file = await requestFile(returned.key, { license: returned.license });
    expect(await refusal(await ask(file))).toEqual([403, "license_refused"]);
    const suspended = await heldLicense();
    await send("POST", `/v1/licenses/${suspended.licenseId}/suspend`);
    const refused = await requestFile(suspended.key, { license: suspended.license });
    expect(await refusal(await ask(refused))).toEqual([403, "license_refused"]);
  });
});

describe("the releases in an answer", () => {
  async function publishVersion(manifest: {
    name: string;
    version: string;
    [key: string]: unknown;
  }) {
    const bundle = await buildBundle(account.key, manifest);
    const answer = await publish(manifest, bundle, account);
    expect(answer.status).toBe(201);
    return `b/${await sha256Hex(bundle)}.rbsm`;
  }

  test("are the plugin's and those it needs; another paid plugin comes without its bundle", async () => {
    const plans = { plans: [{ id: "pro", kind: "perpetual", seats: 9 }] };
    const base = await publishVersion({ name: "@demo/base", version: "1.2.0" });
    const paid = await publishVersion({ name: "@demo/addon", version: "1.0.0", pricing: plans });
    const own = await publishVersion({
      name: "@demo/suite",
      version: "1.0.0",
      pricing: plans,
      dependencies: { "@demo/base": "^1.0.0", "@demo/addon": "^1.0.0" },
    });
    const body = { plugin: "@demo/suite", plan: "pro" };
    const issued = await send("POST", "/v1/licenses", { body });
    const { licenseKey }: { licenseKey: string } = await issued.json();
    const request = { plugin: "@demo/suite", license: { key: licenseKey } };
    const { files } = await readAnswer(await ask(await requestFile(await newKey(), request)));
    expect(files.has(own)).toBe(true);
    expect(files.has(base)).toBe(true);
    expect(files.has(paid)).toBe(false);
    expect(files.has("index/@demo/addon/1.0.0.release.json")).toBe(true);
  });

  test("are the newest for the host's engines", async () => {
    const engines = { runtime: ">=2.0.0" };
    const plans = { plans: [{ id: "team", kind: "subscription", period: "year", seats: 3 }] };
    await publishVersion({ name: PLUGIN, version: "2.0.0", engines, pricing: plans });
    const versionFor = async (runtime: string) => {
      const license = { key: (await issue("team")).licenseKey };
      const file = await requestFile(await newKey(), { license, engines: { runtime } });
      return (await readAnswer(await ask(file))).answer.version;
    };
    expect(await versionFor("1.0.0")).toBe("1.0.0");
    expect(await versionFor("2.1.0")).toBe("2.0.0");
  });

  test("are the newest that the license covers", async () => {
    const name = "@demo/dated";
    const plans = { plans: [{ id: "once", kind: "perpetual", period: "year", seats: 9 }] };
    await publishVersion({ name, version: "1.0.0", pricing: plans });
    const start = Date.now();
    await at(start + 2 * HOUR_MS, () => publishVersion({ name, version: "1.1.0", pricing: plans }));
    const versionUntil = async (updatesUntil: number) => {
      const body = { plugin: name, plan: "once" };
      const issued = await send("POST", "/v1/licenses", { body });
      const { licenseKey, licenseId }: Record<string, string> = await issued.json();
      await env.DB.prepare("UPDATE licenses SET updates_until = ? WHERE id = ?")
        .bind(updatesUntil, licenseId)
        .run();
      const request = { plugin: name, license: { key: licenseKey ?? "" } };
      return ask(await requestFile(await newKey(), request));
    };
    expect((await readAnswer(await versionUntil(start + HOUR_MS))).answer.version).toBe("1.0.0");
    const all = await versionUntil(start + 3 * HOUR_MS);
    expect((await readAnswer(all)).answer.version).toBe("1.1.0");
    expect(await (await versionUntil(start - HOUR_MS)).json()).toMatchObject({
      code: "plugin_not_found",
      detail: expect.stringContaining("the license does not cover it"),
    });
  });

  test("are none when nothing can be installed any more; the lease is renewed all the same", async () => {
    const held = await activeLicense("team");
    const license = { activationId: held.activationId, seq: 1, lease: held.lease };
    const impossible = { license, engines: { runtime: "0.1.0" }, version: undefined };
    for (const version of ["1.0.0", "2.0.0"]) {
      const path = `/v1/plugins/${PLUGIN}/versions/${version}/yank`;
      expect((await send("POST", path, { body: { reason: "broken" } })).status).toBe(200);
    }
    const file = await requestFile(held.instance.key, impossible);
    const { answer, files } = await readAnswer(await ask(file));
    expect(answer.version).toBeNull();
    expect([...files.keys()].some((path) => path.startsWith("b/"))).toBe(false);
    expect(files.has("tuf/timestamp.json")).toBe(true);
  });
});

test("a host that has seen more than this marketplace has is told so", async () => {
  const held = await activeLicense("team");
  const license = { activationId: held.activationId, seq: 1, lease: held.lease };
  const ahead = await requestFile(held.instance.key, {
    license,
    tuf: { root: 1, timestamp: 1_000_000 },
  });
  expect(await refusal(await ask(ahead))).toEqual([503, "unavailable"]);
  const logs = [{ origin: env.LOG_ORIGIN, size: 1_000_000 }];
  const far = await requestFile(held.instance.key, { license, logs });
  expect(await refusal(await ask(far))).toEqual([503, "unavailable"]);
});

test("what is no request is refused before anything is asked", async () => {
  expect(await refusal(await ask({ format: "x" }))).toEqual([400, "request_invalid"]);
  const forged = { format: "rbsm-license-request/1", request: "a.b.c" };
  expect(await refusal(await ask(forged))).toEqual([422, "license_file_invalid"]);
});

/** Does the work with the clock at `now`. */
async function at<T>(now: number, work: () => Promise<T>): Promise<T> {
  vi.useFakeTimers({ toFake: ["Date"], now });
  try {
    return await work();
  } finally {
    vi.useRealTimers();
  }
}
