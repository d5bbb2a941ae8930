import { keyThumbprint, type LeaseClaims, signLease, type SigningKey } from "@rising-bsm/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { codeOf } from "../testing/expectations.ts";
import {
  createLicenseFixture,
  LICENSE_KEY,
  type LicenseFixture,
  type LicenseProcess,
  NOON,
  PLUGIN,
  randomSigningKey,
} from "./license-fixture.ts";

const OTHER_KEY = LICENSE_KEY.replace("0123", "3210");
const DAY_S = 86_400;

let fixture: LicenseFixture;
let leaseKey: SigningKey;
let host: LicenseProcess;

beforeEach(async () => {
  fixture = await createLicenseFixture();
  leaseKey = await randomSigningKey();
  host = await fixture.start({ leaseKeys: () => [leaseKey] });
});
afterEach(() => fixture.close());

/** What a file says; the lease in it is for the license `license-1` unless it is told otherwise. */
async function answer(activationId: string, seq: number, more: Partial<LeaseClaims> = {}) {
  const iat = NOON / 1000;
  const claims = {
    aud: "instance-1",
    sub: "license-1",
    jti: `${activationId}.${seq}`,
    iat,
    nbf: iat,
    exp: iat + 90 * DAY_S,
    lic: {
      kind: "subscription" as const,
      until: null,
      updatesUntil: null,
      grace: 14 * DAY_S,
      seats: 1,
      users: null,
    },
    ent: { export: true },
    plugin: PLUGIN,
    cnf: { jkt: await keyThumbprint(host.key.publicKey) },
    seq,
    ...more,
  };
  const lease = await signLease(claims, { kid: leaseKey.keyId, privateKey: leaseKey });
  return { activationId, lease, instanceId: "instance-1" };
}

type Answer = Awaited<ReturnType<typeof answer>>;

function adopt(given: Answer): Promise<string> {
  return codeOf(host.licenses.adoptOffline(PLUGIN, given));
}

/** Claims a license by file; what the answer was. */
async function claim(activationId = "activation-1", key = LICENSE_KEY): Promise<Answer> {
  const { nonce } = await host.licenses.beginOffline(PLUGIN, key);
  const given = await answer(activationId, 1, { nonce, sub: `license of ${activationId}` });
  expect(await adopt(given)).toBe("ok");
  return given;
}

test("a request is the same one until it was answered, also after a restart", async () => {
  const first = await host.licenses.beginOffline(PLUGIN, LICENSE_KEY);
  host = await fixture.restart({ leaseKeys: () => [leaseKey] });
  expect(await host.licenses.beginOffline(PLUGIN, LICENSE_KEY)).toEqual(first);
  expect(await host.licenses.beginOffline(PLUGIN, OTHER_KEY)).not.toMatchObject({ rid: first.rid });
});

test("the lease that answers the request is held, and again changes nothing", async () => {
  const given = await claim();
  expect(host.licenses.info(PLUGIN)).toMatchObject({ state: "active" });
  expect(await adopt(given)).toBe("ok");
  host = await fixture.restart({ leaseKeys: () => [leaseKey] });
  expect(host.licenses.entitlements(PLUGIN)).toEqual(["export"]);
});

test("a lease that nobody has asked for by file is refused, whatever its number", async () => {
  expect(await adopt(await answer("activation-1", 9))).toBe("license_invalid");
  await host.licenses.beginOffline(PLUGIN, LICENSE_KEY);
  expect(await adopt(await answer("activation-1", 9, { nonce: "other" }))).toBe("license_invalid");
  expect(host.licenses.info(PLUGIN).state).toBe("none");
});

test("an answer that is imported again after the license was left is refused", async () => {
  const first = await claim();
  await claim("activation-2", OTHER_KEY);
  expect(await adopt(first)).toBe("license_invalid");
  const renewed = await answer("activation-1", 5);
  expect(await adopt({ ...renewed, activationId: "activation-2" })).toBe("license_invalid");
  expect(host.licenses.describe(PLUGIN).licenseId).toBe("license of activation-2");
});

test("a renewal that comes in between leaves what was asked with another key as it is", async () => {
  await claim();
  const { rid, nonce } = await host.licenses.beginOffline(PLUGIN, OTHER_KEY);
  expect(await adopt(await answer("activation-1", 2))).toBe("ok");
  expect(await host.licenses.beginOffline(PLUGIN, OTHER_KEY)).toMatchObject({ rid, nonce });
  const bought = await answer("activation-2", 1, { nonce, sub: "license-2" });
  expect(await adopt(bought)).toBe("ok");
  expect(host.licenses.describe(PLUGIN).licenseId).toBe("license-2");
  expect(await host.licenses.beginOffline(PLUGIN, OTHER_KEY)).not.toMatchObject({ rid });
});

test("a renewal has to have a higher number, by the activation that is inside the lease", async () => {
  const first = await claim();
  const second = await answer("activation-1", 2);
  expect(await adopt(second)).toBe("ok");
  expect(await adopt(first)).toBe("license_invalid");
  expect(await adopt({ ...first, activationId: "activation-9" })).toBe("license_invalid");
  expect(await adopt(second)).toBe("ok");
});

test("a lease for another instance, key or plugin is refused", async () => {
  await claim();
  const newer = await answer("activation-1", 2);
  expect(await adopt({ ...newer, instanceId: "instance-2" })).toBe("license_invalid");
  const moved = await answer("activation-1", 2, { aud: "instance-2" });
  expect(await adopt({ ...moved, instanceId: "instance-2" })).toBe("license_invalid");
  const stranger = await keyThumbprint((await randomSigningKey()).publicKey);
  expect(await adopt(await answer("activation-1", 2, { cnf: { jkt: stranger } }))).toBe(
    "license_invalid",
  );
  expect(await adopt(await answer("activation-1", 2, { plugin: "@demo/other" }))).toBe(
    "license_invalid",
  );
});
