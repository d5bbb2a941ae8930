import { describe, expect, test } from "vitest";
import { base64url, fromBase64url, utf8, utf8Decode } from "./encoding.ts";
import { keyThumbprint, publicJwk, signJws } from "./jws.ts";
import { signingKeyFromSeed } from "./keys.ts";
import {
  LEASE_ISSUER,
  LEASE_TYP,
  PROOF_TYP,
  REFUSAL_REASONS,
  REFUSAL_TYP,
  signLease,
  signProof,
  signRefusal,
  verifyLease,
  verifyProof,
  verifyRefusal,
  type LeaseClaims,
  type RefusalClaims,
} from "./tokens.ts";

const key = await signingKeyFromSeed(new Uint8Array(32).fill(7));
const stranger = await signingKeyFromSeed(new Uint8Array(32).fill(8));
const keys = (kid: string) => (kid === "lease-1" ? key.publicKey : undefined);
const code = (expected: string) => ({ name: "RbsmError", code: expected });

test("a thumbprint is the one of RFC 8037", async () => {
  const publicKey = fromBase64url("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
  expect(await keyThumbprint(publicKey)).toBe("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
});

const claims: Omit<LeaseClaims, "iss"> = {
  aud: "instance-1",
  sub: "license-1",
  jti: "lease-1",
  iat: 1_000,
  nbf: 1_000,
  exp: 2_000,
  lic: {
    kind: "subscription",
    until: 5_000,
    updatesUntil: null,
    grace: 500,
    seats: 3,
    users: null,
  },
  plugin: "@acme/pro",
  ent: { export: true, rows: 100 },
  cnf: { jkt: "thumbprint" },
  seq: 1,
  org: "Acme GmbH",
};
const lease = await signLease(claims, { kid: "lease-1", privateKey: key });
const trust = { keys, audience: "instance-1" };

/** The token with its header or claims changed and signed again by the same key. */
async function forge(header: object, change: object = {}): Promise<string> {
  const original = { alg: "Ed25519", typ: LEASE_TYP, kid: "lease-1" };
  const signed = [
    { ...original, ...header },
    { ...claims, iss: LEASE_ISSUER, ...change },
  ]
    .map((part) => base64url(utf8(JSON.stringify(part))))
    .join(".");
  return `${signed}.${base64url(await key.sign(utf8(signed)))}`;
}

describe("a lease", () => {
  test("gives its claims to the instance it is for", async () => {
    expect(await verifyLease(lease, trust)).toEqual({ ...claims, iss: LEASE_ISSUER });
  });

  test("may hold claims that this version does not know", async () => {
    expect(await verifyLease(await forge({}, { future: 1, nonce: "n" }), trust)).toEqual({
      ...claims,
      iss: LEASE_ISSUER,
      nonce: "n",
    });
  });

  test("is over when its term and grace are, unless it is perpetual", async () => {
    await expect(verifyLease(lease, { ...trust, now: 2_499_999 })).resolves.toBeDefined();
    await expect(verifyLease(lease, { ...trust, now: new Date(2_500_000) })).rejects.toMatchObject({
      ...code("license_expired"),
      detail: { claims: { sub: "license-1" } },
    });
    const perpetual = await forge({}, { lic: { ...claims.lic, kind: "perpetual" } });
    await expect(verifyLease(perpetual, { ...trust, now: 9e12 })).resolves.toBeDefined();
  });

  test.each<[string, () => Promise<string>]>([
    ["with another algorithm", () => forge({ alg: "EdDSA" })],
    ["without an algorithm", () => forge({ alg: "none" })],
    ["with a symmetric algorithm", () => forge({ alg: "HS256" })],
    ["of another type", () => forge({ typ: "JWT" })],
    ["with critical extensions", () => forge({ crit: ["exp"] })],
    ["with a key of its own", () => forge({ jwk: publicJwk(stranger.publicKey) })],
    ["by an unknown key", () => forge({ kid: "lease-2" })],
    ["by another issuer", () => forge({}, { iss: "https://evil.example" })],
    ["for another instance", () => forge({}, { aud: "instance-2" })],
    ["for no plugin", () => forge({}, { plugin: "pro" })],
    ["with fractional seconds", () => forge({}, { exp: 1.5 })],
    ["signed by another key", () => signLease(claims, { kid: "lease-1", privateKey: stranger })],
    ["that is a proof", () => signJws({ typ: PROOF_TYP, kid: "lease-1" }, claims, key)],
    ["with padding", async () => `${lease}==`],
    ["with other unused bits", async () => withOtherUnusedBits(lease)],
    ["with two parts", async () => lease.slice(0, lease.lastIndexOf("."))],
    ["with four parts", async () => `${lease}.AA`],
    ["with one part", async () => "lease"],
    ["with white space", async () => `${lease}\n`],
    ["over the limit", async () => `${"A".repeat(9_000)}.${lease}`],
    ["without a signature", async () => `${lease.slice(0, lease.lastIndexOf("."))}.`],
    [
      "whose header is no JSON",
      async () => `${base64url(utf8("{"))}${lease.slice(lease.indexOf("."))}`,
    ],
  ])("%s is refused", async (_, token) => {
    await expect(verifyLease(await token(), trust)).rejects.toMatchObject(code("license_invalid"));
  });
});

/** 64 bytes are 86 characters, of which the last one has four bits that mean nothing. */
function withOtherUnusedBits(token: string): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const last = alphabet.indexOf(token.slice(-1));
  return token.slice(0, -1) + alphabet.charAt(last | 1);
}

describe("a refusal", () => {
  const refused: Omit<RefusalClaims, "iss"> = {
    aud: "instance-1",
    sub: "license-1",
    activation: "activation-1",
    plugin: "@acme/pro",
    iat: 1_500,
    seq: 1,
    reason: "suspended",
    nonce: "n-1",
  };
  const signer = { kid: "lease-1", privateKey: key };
  const sign = (header: object, change: object = {}) =>
    signJws(
      { typ: REFUSAL_TYP, kid: "lease-1", ...header },
      { ...refused, iss: LEASE_ISSUER, ...change },
      key,
    );

  test.each(REFUSAL_REASONS)("says %s to the instance it is for", async (reason) => {
    const token = await signRefusal({ ...refused, reason }, signer);
    expect(await verifyRefusal(token, trust)).toEqual({ ...refused, reason, iss: LEASE_ISSUER });
  });

  test("may hold claims that this version does not know", async () => {
    expect(await verifyRefusal(await sign({}, { future: 1 }), trust)).toMatchObject(refused);
  });

  test.each<[string, () => Promise<string>]>([
    ["of another type", () => sign({ typ: LEASE_TYP })],
    ["with critical extensions", () => sign({ crit: ["exp"] })],
    ["by an unknown key", () => sign({ kid: "lease-2" })],
    ["by another issuer", () => sign({}, { iss: "https://evil.example" })],
    ["for another instance", () => sign({}, { aud: "instance-2" })],
    ["for no plugin", () => sign({}, { plugin: "pro" })],
    ["for a reason that there is not", () => sign({}, { reason: "mood" })],
    ["of no lease", () => sign({}, { seq: 0 })],
    ["signed by another key", () => signRefusal(refused, { ...signer, privateKey: stranger })],
    ["that is a lease", async () => lease],
  ])("%s does not count", async (_, token) => {
    await expect(verifyRefusal(await token(), trust)).rejects.toMatchObject(
      code("license_invalid"),
    );
  });

  test("is no lease and no proof", async () => {
    const token = await signRefusal(refused, signer);
    await expect(verifyLease(token, trust)).rejects.toMatchObject(code("license_invalid"));
    const request = { method: "POST", url: "https://market.example/", body: utf8("") };
    await expect(
      verifyProof(token, { ...request, now: 1_500_000, maxAgeS: 300 }),
    ).rejects.toMatchObject(code("auth_proof_invalid"));
  });
});

describe("a proof", () => {
  const now = new Date("2026-01-02T03:04:05.678Z");
  const body = utf8('{"seq":1}');
  const request = {
    method: "POST",
    url: "https://market.example/v1/leases",
    body,
    rid: "r-1",
    now,
  };
  const expected = { ...request, now, maxAgeS: 300 };

  test("names the instance that signed the request", async () => {
    const proof = await signProof({ ...request, nonce: "n-1" }, key);
    expect(await verifyProof(proof, expected)).toEqual({
      instanceKeyJkt: await keyThumbprint(key.publicKey),
      publicKey: key.publicKey,
      rid: "r-1",
      iat: Math.floor(now.getTime() / 1000),
      nonce: "n-1",
    });
  });

  test("signs neither the query nor the case of the method", async () => {
    const proof = await signProof({ ...request, method: "post", url: `${request.url}?a=1#b` }, key);
    await expect(
      verifyProof(proof, { ...expected, url: `${request.url}?a=2` }),
    ).resolves.toMatchObject({ nonce: undefined });
  });

  test("can be for something other than a web address", async () => {
    const receipt = await signProof({ ...request, method: "RETURN", url: "urn:uuid:1" }, key);
    await expect(
      verifyProof(receipt, { ...expected, method: "RETURN", url: "urn:uuid:1" }),
    ).resolves.toBeDefined();
    await expect(
      verifyProof(receipt, { ...expected, method: "RETURN", url: "urn:uuid:2" }),
    ).rejects.toMatchObject(code("auth_proof_invalid"));
  });

  test.each([
    ["another method", { method: "PUT" }],
    ["another path", { url: "https://market.example/v1/downloads" }],
    ["another host", { url: "https://evil.example/v1/leases" }],
    ["another body", { body: utf8("{}") }],
    ["no address at all", { url: "/v1/leases" }],
    ["a moment too late", { now: now.getTime() + 301_000 }],
    ["a moment too early", { now: now.getTime() - 301_000 }],
  ])("is refused for %s", async (_, change) => {
    const proof = await signProof(request, key);
    await expect(verifyProof(proof, { ...expected, ...change })).rejects.toMatchObject(
      code("auth_proof_invalid"),
    );
  });

  test("is refused with a key of small order or another shape", async () => {
    const proof = await signProof(request, key);
    const [, payload, signature] = proof.split(".");
    const withJwk = (jwk: object) => {
      const header = { alg: "Ed25519", typ: PROOF_TYP, jwk };
      return `${base64url(utf8(JSON.stringify(header)))}.${payload}.${signature}`;
    };
    const identity = publicJwk(Uint8Array.of(1, ...new Uint8Array(31)));
    for (const jwk of [
      identity,
      publicJwk(stranger.publicKey),
      { kty: "EC" },
      { ...identity, d: "secret" },
    ]) {
      await expect(verifyProof(withJwk(jwk), expected)).rejects.toMatchObject(
        code("auth_proof_invalid"),
      );
    }
  });

  test("is no lease, and a lease no proof", async () => {
    await expect(verifyProof(lease, expected)).rejects.toMatchObject(code("auth_proof_invalid"));
    await expect(verifyLease(await signProof(request, key), trust)).rejects.toMatchObject(
      code("license_invalid"),
    );
    expect(utf8Decode(fromBase64url(lease.split(".")[0] ?? ""))).toContain(LEASE_TYP);
  });
});
