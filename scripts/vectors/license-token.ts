import {
  keyThumbprint,
  type LeaseClaims,
  type RefusalClaims,
  signLease,
  signProof,
  signRefusal,
  utf8,
} from "../../packages/protocol/src/index.ts";
import { keyOf } from "./seeds.ts";

const NOW_S = 1_767_323_045;
const DAY_S = 86_400;

const REFUSAL: Omit<RefusalClaims, "iss"> = {
  aud: "instance-1",
  sub: "license-1",
  activation: "activation-1",
  plugin: "@acme/hello",
  iat: NOW_S + DAY_S,
  seq: 1,
  reason: "refunded",
  nonce: "nonce-2",
};

/** Vectors of docs/spec/license-token.md. */
export async function licenseTokenVectors() {
  const [lease, instance] = [await keyOf(8), await keyOf(9)];
  const claims: Omit<LeaseClaims, "iss"> = {
    aud: "instance-1",
    sub: "license-1",
    jti: "activation-1.1",
    iat: NOW_S,
    nbf: NOW_S,
    exp: NOW_S + 14 * DAY_S,
    lic: {
      kind: "subscription",
      until: NOW_S + 365 * DAY_S,
      updatesUntil: null,
      grace: 14 * DAY_S,
      seats: 3,
      users: null,
    },
    plugin: "@acme/hello",
    ent: { export: true, rows: 1000 },
    cnf: { jkt: await keyThumbprint(instance.key.publicKey) },
    seq: 1,
    nonce: "nonce-1",
  };
  const token = await signLease(claims, { kid: "2026-1", privateKey: lease.key });
  const body = JSON.stringify({ activationId: "activation-1", seq: 1, rid: "request-1" });
  const url = "https://marketplace.example/v1/leases?ignored=1";
  const proof = await signProof(
    {
      method: "post",
      url,
      body: utf8(body),
      rid: "request-1",
      nonce: "nonce-1",
      now: NOW_S * 1000,
    },
    instance.key,
  );
  return {
    leaseKey: { ...lease.shown, kid: "2026-1" },
    instanceKey: { ...instance.shown, jkt: claims.cnf.jkt },
    claims,
    token,
    proof: { method: "POST", url, body, now: NOW_S, header: proof },
    refusal: {
      claims: REFUSAL,
      token: await signRefusal(REFUSAL, { kid: "2026-1", privateKey: lease.key }),
    },
    held: heldVectors(),
    refused: refusedVectors(token),
  };
}

function refusedVectors(token: string) {
  const [head = "", payload = "", signature = ""] = token.split(".");
  const none = btoa('{"alg":"none","typ":"rbsm-license+jwt","kid":"2026-1"}');
  return [
    { name: "padding", token: `${token}==` },
    { name: "unused bits", token: token.slice(0, -1) + nextCharacter(token.slice(-1)) },
    { name: "no signature", token: `${head}.${payload}.` },
    { name: "a fourth part", token: `${token}.AAAA` },
    { name: "alg none", token: [none, payload, ""].join(".").replaceAll("=", "") },
    { name: "parts of another token", token: `${payload}.${head}.${signature}` },
  ];
}

/** Whether a refusal counts for the lease of these vectors, held by "activation-1"; `sent` is the host's nonce. */
function heldVectors() {
  const cases: readonly { name: string; change: Partial<RefusalClaims>; sent: string }[] = [
    { name: "an answer to this request", change: {}, sent: "nonce-2" },
    { name: "a later one to another request", change: {}, sent: "nonce-3" },
    { name: "of the lease's second, to this request", change: { iat: NOW_S }, sent: "nonce-2" },
    { name: "of the lease's second, to another", change: { iat: NOW_S }, sent: "nonce-3" },
    { name: "older than the lease", change: { iat: NOW_S - 1 }, sent: "nonce-2" },
    { name: "of another license", change: { sub: "license-2" }, sent: "nonce-2" },
    { name: "of another activation", change: { activation: "activation-2" }, sent: "nonce-2" },
    { name: "of another plugin", change: { plugin: "@acme/other" }, sent: "nonce-2" },
  ];
  return cases.map(({ name, change, sent }, at) => ({
    name,
    refusal: { ...REFUSAL, ...change },
    sent,
    counts: at < 3,
  }));
}

/** Of 64 bytes in base64url the last character has four unused bits. */
function nextCharacter(last: string): string {
  return String.fromCharCode(last.charCodeAt(0) + 1);
}
