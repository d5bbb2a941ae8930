import { z } from "zod";
import { fromBase64url, sha256Hex } from "./encoding.ts";
import { RbsmError } from "./errors.ts";
import { keyThumbprint, publicJwk, publicJwkSchema, signJws, verifyJws } from "./jws.ts";
import type { SigningKey } from "./keys.ts";
import { pluginNameSchema } from "./plugin-name.ts";
import type { KeyLookup } from "./statements.ts";

/** Header `typ` of a lease. */
export const LEASE_TYP = "rbsm-license+jwt";
/** Header `typ` of an instance's proof. */
export const PROOF_TYP = "rbsm-proof+jwt";
/** Issuer of every lease. */
export const LEASE_ISSUER = "https://rising-bsm.com/marketplace/v1";

const seconds = z.int().min(0);

/** Claims of a lease. Times are seconds since 1970, `null` is "without end" or "unlimited". */
export const leaseClaimsSchema = z.object({
  iss: z.literal(LEASE_ISSUER),
  /** Instance id. */
  aud: z.string().min(1),
  /** License id. */
  sub: z.string().min(1),
  jti: z.string().min(1),
  iat: seconds,
  nbf: seconds,
  exp: seconds,
  lic: z.object({
    kind: z.enum(["free", "perpetual", "subscription", "trial", "floating"]),
    until: seconds.nullable(),
    updatesUntil: seconds.nullable(),
    /** Seconds after `exp` in which everything still works. */
    grace: seconds,
    seats: z.int().min(1).nullable(),
    users: z.int().min(1).nullable(),
    /** More instances hold the license than it has seats: allowed, and to be told to people. */
    overage: z.boolean().optional(),
  }),
  plugin: pluginNameSchema,
  ent: z.record(z.string(), z.union([z.boolean(), z.number()])),
  cnf: z.object({ jkt: z.string().min(1) }),
  seq: z.int().min(1),
  org: z.string().optional(),
  /** The host's nonce that this lease answers. */
  nonce: z.string().optional(),
});

/** Claims of a lease. */
export type LeaseClaims = z.output<typeof leaseClaimsSchema>;

/** A key that signs leases, and the id under which `service-keys.json` lists it. */
export interface LeaseSigner {
  readonly kid: string;
  readonly privateKey: SigningKey;
}

/** Signs a lease. The issuer is always `LEASE_ISSUER`. */
export function signLease(claims: Omit<LeaseClaims, "iss">, signer: LeaseSigner): Promise<string> {
  return signJws(
    { typ: LEASE_TYP, kid: signer.kid },
    { ...claims, iss: LEASE_ISSUER },
    signer.privateKey,
  );
}

/** A moment: a Date, or milliseconds since 1970. */
export type Instant = Date | number;

/** Whom a lease must be from and for. */
export interface LeaseTrust {
  readonly keys: KeyLookup;
  /** Id of the instance that holds the lease. */
  readonly audience: string;
  /** When given, a lease whose term and grace are over is refused with `license_expired`. */
  readonly now?: Instant;
}

const leaseHeader = z.strictObject({
  alg: z.literal("Ed25519"),
  typ: z.literal(LEASE_TYP),
  kid: z.string(),
});

/**
 * Claims of a lease that verifies and is for this instance. Throws `license_invalid`, or
 * `license_expired` with the claims in its detail. It does not check `cnf.jkt`: the caller knows
 * the instance's key.
 */
export async function verifyLease(token: string, trust: LeaseTrust): Promise<LeaseClaims> {
  const { claims } = await verifyJws(token, {
    code: "license_invalid",
    header: leaseHeader,
    claims: leaseClaimsSchema,
    publicKey: ({ kid }) => trust.keys(kid),
  });
  if (claims.aud !== trust.audience)
    throw new RbsmError("license_invalid", "The lease is for another instance");
  if (trust.now !== undefined && isOver(claims, Number(trust.now))) {
    throw new RbsmError("license_expired", undefined, { claims });
  }
  return claims;
}

/** A perpetual license needs no lease but its first. */
function isOver({ lic, exp }: LeaseClaims, nowMs: number): boolean {
  return lic.kind !== "perpetual" && nowMs >= (exp + lic.grace) * 1000;
}

/** Header `typ` of a signed refusal. */
export const REFUSAL_TYP = "rbsm-refusal+jwt";

/** Why the marketplace does not renew. `ended` leaves the grace as it is; every other reason ends it. */
export const REFUSAL_REASONS = [
  "suspended",
  "revoked",
  "disputed",
  "refunded",
  "returned",
  "ended",
] as const;

/** Claims of a refusal: what the marketplace answers an instance instead of the next lease. */
export const refusalClaimsSchema = z.object({
  iss: z.literal(LEASE_ISSUER),
  /** Instance id. */
  aud: z.string().min(1),
  /** License id. */
  sub: z.string().min(1),
  activation: z.string().min(1),
  plugin: pluginNameSchema,
  /** Seconds since 1970. */
  iat: seconds,
  /** Of the lease that was to be renewed. */
  seq: z.int().min(1),
  reason: z.enum(REFUSAL_REASONS),
  /** The host's nonce that this answers. */
  nonce: z.string().optional(),
});

/** Claims of a refusal. */
export type RefusalClaims = z.output<typeof refusalClaimsSchema>;

/** Signs a refusal. The issuer is always `LEASE_ISSUER`. */
export function signRefusal(
  claims: Omit<RefusalClaims, "iss">,
  signer: LeaseSigner,
): Promise<string> {
  return signJws(
    { typ: REFUSAL_TYP, kid: signer.kid },
    { ...claims, iss: LEASE_ISSUER },
    signer.privateKey,
  );
}

const refusalHeader = z.strictObject({
  alg: z.literal("Ed25519"),
  typ: z.literal(REFUSAL_TYP),
  kid: z.string(),
});

/**
 * Claims of a refusal that verifies and is for this instance. Throws `license_invalid`. Whether it
 * is about the lease that is held, and newer than it, is for the caller.
 */
export async function verifyRefusal(
  token: string,
  trust: Omit<LeaseTrust, "now">,
): Promise<RefusalClaims> {
  const { claims } = await verifyJws(token, {
    code: "license_invalid",
    header: refusalHeader,
    claims: refusalClaimsSchema,
    publicKey: ({ kid }) => trust.keys(kid),
  });
  if (claims.aud === trust.audience) return claims;
  throw new RbsmError("license_invalid", "The refusal is for another instance");
}

/** The request that a proof is for. */
export interface ProvenRequest {
  readonly method: string;
  /** The query is not signed. */
  readonly url: string;
  readonly body: Uint8Array;
}

const proofHeader = z.strictObject({
  alg: z.literal("Ed25519"),
  typ: z.literal(PROOF_TYP),
  jwk: publicJwkSchema,
});

const proofClaims = z.strictObject({
  htm: z.string(),
  htu: z.string(),
  iat: seconds,
  rid: z.string().min(1).max(128),
  nonce: z.string().min(1).max(128).optional(),
  bodySha256: z.string(),
});

/** Signs a request with the instance key: the value of the header `Rbsm-Proof`. */
export async function signProof(
  request: ProvenRequest & {
    readonly rid: string;
    readonly nonce?: string | undefined;
    readonly now: Instant;
  },
  instanceKey: SigningKey,
): Promise<string> {
  const { rid, nonce, now } = request;
  const claims: z.output<typeof proofClaims> = {
    ...(await boundTo(request)),
    iat: Math.floor(Number(now) / 1000),
    rid,
    ...(nonce === undefined ? {} : { nonce }),
  };
  return signJws({ typ: PROOF_TYP, jwk: publicJwk(instanceKey.publicKey) }, claims, instanceKey);
}

/** Who signed a request, and when. */
export interface InstanceProof {
  /** Thumbprint of the instance key. */
  readonly instanceKeyJkt: string;
  readonly publicKey: Uint8Array;
  readonly rid: string;
  /** Seconds since 1970. */
  readonly iat: number;
  readonly nonce?: string | undefined;
}

/**
 * Verifies that the header is a proof for exactly this request, signed at most `maxAgeS` seconds
 * before or after `now`. The key is whatever the header carries: whether it is a known instance's,
 * and whether it is acceptable (`assertPublicKey`, when it registers), is for the caller. Throws
 * `auth_proof_invalid`.
 */
export async function verifyProof(
  header: string,
  request: ProvenRequest & { readonly now: Instant; readonly maxAgeS: number },
): Promise<InstanceProof> {
  const { claims, publicKey } = await verifyJws(header, {
    code: "auth_proof_invalid",
    header: proofHeader,
    claims: proofClaims,
    publicKey: ({ jwk }) => fromBase64url(jwk.x),
  });
  const { htm, htu, bodySha256 } = await boundTo(request);
  if (claims.htm !== htm || claims.htu !== htu || claims.bodySha256 !== bodySha256) {
    throw new RbsmError("auth_proof_invalid", "The proof is for another request");
  }
  if (Math.abs(Number(request.now) / 1000 - claims.iat) > request.maxAgeS) {
    throw new RbsmError(
      "auth_proof_invalid",
      "The proof is too old, or from the future: check this machine's clock",
    );
  }
  const { rid, iat, nonce } = claims;
  return { instanceKeyJkt: await keyThumbprint(publicKey), publicKey, rid, iat, nonce };
}

async function boundTo({ method, url, body }: ProvenRequest) {
  return { htm: method.toUpperCase(), htu: withoutQuery(url), bodySha256: await sha256Hex(body) };
}

function withoutQuery(url: string): string {
  if (!URL.canParse(url))
    throw new RbsmError("auth_proof_invalid", "The proof is for no valid URL");
  const bare = new URL(url);
  bare.search = "";
  bare.hash = "";
  return bare.href;
}
