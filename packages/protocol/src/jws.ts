import { calculateJwkThumbprint, compactVerify, importJWK } from "jose";
import { z } from "zod";
import { base64url, fromBase64url, parseJson, utf8 } from "./encoding.ts";
import { RbsmError, type ErrorCode } from "./errors.ts";
import { isPlainSignature, type SigningKey } from "./keys.ts";
import { TRUST_LIMITS } from "./limits.ts";

/** An Ed25519 public key as a JSON Web Key, with no other member. */
export const publicJwkSchema = z.strictObject({
  kty: z.literal("OKP"),
  crv: z.literal("Ed25519"),
  x: z.string(),
});

type PublicJwk = z.output<typeof publicJwkSchema>;

/** The key as a JSON Web Key. */
export function publicJwk(publicKey: Uint8Array): PublicJwk {
  return { kty: "OKP", crv: "Ed25519", x: base64url(publicKey) };
}

/** Thumbprint of the key (RFC 7638): what a token's `cnf.jkt` names. */
export function keyThumbprint(publicKey: Uint8Array): Promise<string> {
  return calculateJwkThumbprint(publicJwk(publicKey), "sha256");
}

/** Header members beside `alg`. */
export interface JwsHeader {
  readonly typ: string;
  readonly kid?: string;
  readonly jwk?: PublicJwk;
}

/** A compact JWS over the claims, alg `Ed25519`. */
export async function signJws(header: JwsHeader, claims: object, key: SigningKey): Promise<string> {
  const signed = [{ alg: "Ed25519", ...header }, claims]
    .map((part) => base64url(utf8(JSON.stringify(part))))
    .join(".");
  return `${signed}.${base64url(await key.sign(utf8(signed)))}`;
}

/** What a token must be: the code to throw, the exact header, the key it selects, the claims. */
export interface JwsRules<H extends z.ZodType, C extends z.ZodType> {
  readonly code: ErrorCode;
  readonly header: H;
  readonly claims: C;
  readonly publicKey: (header: z.output<H>) => Uint8Array | undefined;
  /** Of the whole token; `TRUST_LIMITS.tokenBytes` when left out. */
  readonly maxBytes?: number;
}

/** Header and claims of a verified token. */
export interface VerifiedJws<H extends z.ZodType, C extends z.ZodType> {
  readonly claims: z.output<C>;
  readonly header: z.output<H>;
  readonly publicKey: Uint8Array;
}

/**
 * Verifies a compact JWS. Beyond what jose checks, each part has to be canonical base64url, so that
 * a token has one spelling, and the header has to have exactly the members expected. Throws
 * `rules.code`.
 */
export async function verifyJws<H extends z.ZodType, C extends z.ZodType>(
  token: string,
  rules: JwsRules<H, C>,
): Promise<VerifiedJws<H, C>> {
  const { code, maxBytes = TRUST_LIMITS.tokenBytes } = rules;
  const json = { maxBytes, uniqueKeys: true, code };
  try {
    const [head, body, signature] = splitToken(token, maxBytes);
    const header = rules.header.parse(parseJson(head, json));
    const publicKey = rules.publicKey(header);
    if (publicKey === undefined)
      throw new RbsmError(code, "The token was signed by a key that is not known");
    if (!isPlainSignature(publicKey, signature))
      throw new RbsmError(code, "The signature is not acceptable");
    const key = await importJWK(publicJwk(publicKey), "Ed25519");
    await compactVerify(token, key, { algorithms: ["Ed25519"] });
    const claims = rules.claims.parse(parseJson(body, json));
    return { claims, header, publicKey };
  } catch (cause) {
    if (cause instanceof RbsmError && cause.code === code) throw cause;
    throw new RbsmError(code, undefined, {}, cause);
  }
}

function splitToken(
  token: string,
  maxBytes: number,
): [head: Uint8Array, body: Uint8Array, signature: Uint8Array] {
  if (token.length > maxBytes) throw new RangeError("the token is too long");
  const [head, body, signature, ...more] = token.split(".");
  if (head === undefined || body === undefined || signature === undefined || more.length > 0) {
    throw new SyntaxError("the token does not have three parts");
  }
  return [fromBase64url(head), fromBase64url(body), fromBase64url(signature)];
}
