import { Point } from "@noble/ed25519";
import { z } from "zod";
import { base64url, cryptoBytes, fromBase64url, hex, sha256Hex, utf8 } from "./encoding.ts";
import { RbsmError } from "./errors.ts";

const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;

/** An Ed25519 key that signs. The private part stays inside WebCrypto. */
export interface SigningKey {
  /** Raw 32 bytes. */
  readonly publicKey: Uint8Array<ArrayBuffer>;
  /** SHA-256 of the public key in hexadecimal. */
  readonly keyId: string;
  sign(bytes: Uint8Array): Promise<Uint8Array<ArrayBuffer>>;
}

/** Key id of a raw public key: its SHA-256 in hexadecimal. */
export function keyId(publicKey: Uint8Array): Promise<string> {
  return sha256Hex(publicKey);
}

/**
 * Refuses a public key that may not enter the trust of anyone: wrong length, not canonical, not on
 * the curve, of small order, or with a torsion component. With such a key one signature can verify
 * for many messages or differently on two machines. Throws `signature_key_rejected`.
 */
export function assertPublicKey(raw: Uint8Array): void {
  const problem = keyProblem(raw);
  if (problem !== null) throw new RbsmError("signature_key_rejected", `The public key ${problem}`);
}

function keyProblem(raw: Uint8Array): string | null {
  if (raw.length !== KEY_BYTES) return `is ${raw.length} bytes long, not ${KEY_BYTES}`;
  if (yOf(raw) >= PRIME) return "is not in canonical form";
  if (SMALL_ORDER_Y.has(yOf(raw))) return "is of small order";
  try {
    return Point.fromBytes(raw, false).isTorsionFree() ? null : "has a torsion component";
  } catch {
    return "is not a point of the curve";
  }
}

const PRIME = 2n ** 255n - 19n;
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
const SIGN_BIT = 2n ** 255n;

/** y of the two points of order 8 that are not each other's negative in y; −y gives the other. */
const Y8 = 0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n;

/** y of the eight points whose order divides 8. */
const SMALL_ORDER_Y: ReadonlySet<bigint> = new Set([0n, 1n, PRIME - 1n, Y8, PRIME - Y8]);

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${hex(bytes.toReversed())}`);
}

/** y of an encoded point, without the bit that holds the sign of x. */
function yOf(point: Uint8Array): bigint {
  return littleEndian(point) % SIGN_BIT;
}

/**
 * Whether key and signature have the one form that every Ed25519 implementation judges alike:
 * both points canonical and not of small order, and S below the group order.
 */
export function isPlainSignature(publicKey: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false;
  const points = [publicKey, signature.subarray(0, KEY_BYTES)].map(yOf);
  if (!points.every((y) => y < PRIME && !SMALL_ORDER_Y.has(y))) return false;
  return littleEndian(signature.subarray(KEY_BYTES)) < ORDER;
}

/**
 * Whether the signature is the key's over these bytes. Node and workerd give the same verdict.
 * Never throws. The key itself is to be checked with `assertPublicKey` before it is trusted.
 */
export async function verifySignature(
  publicKey: Uint8Array,
  signature: Uint8Array,
  bytes: Uint8Array,
): Promise<boolean> {
  if (!isPlainSignature(publicKey, signature)) return false;
  try {
    const key = await crypto.subtle.importKey("raw", cryptoBytes(publicKey), "Ed25519", false, [
      "verify",
    ]);
    return await crypto.subtle.verify("Ed25519", key, cryptoBytes(signature), cryptoBytes(bytes));
  } catch {
    return false;
  }
}

/** DER of a PKCS #8 Ed25519 private key up to the 32 bytes of the seed (RFC 8410). */
const PKCS8_HEAD = [
  0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20,
] as const;

const exportedKey = z.object({ x: z.string() });

/** The signing key of a 32-byte seed (RFC 8032). Throws `signature_key_rejected` for other lengths. */
export async function signingKeyFromSeed(seed: Uint8Array): Promise<SigningKey> {
  if (seed.length !== KEY_BYTES) {
    throw new RbsmError(
      "signature_key_rejected",
      `A private key is ${KEY_BYTES} bytes, not ${seed.length}`,
    );
  }
  const pkcs8 = Uint8Array.of(...PKCS8_HEAD, ...seed);
  const key = await crypto.subtle.importKey("pkcs8", pkcs8, "Ed25519", true, ["sign"]);
  const { x } = exportedKey.parse(await crypto.subtle.exportKey("jwk", key));
  const publicKey = fromBase64url(x);
  return {
    publicKey,
    keyId: await keyId(publicKey),
    sign: async (bytes) =>
      new Uint8Array(await crypto.subtle.sign("Ed25519", key, cryptoBytes(bytes))),
  };
}

/** Signs a challenge to prove that the private part of the key is held. Returns base64url. */
export async function proveKeyPossession(key: SigningKey, challenge: string): Promise<string> {
  return base64url(await key.sign(possessionMessage(key.keyId, challenge)));
}

/**
 * Checks a key that wants to enrol: acceptable in itself, and its holder signed this challenge.
 * Throws `signature_key_rejected` or `signature_invalid`.
 */
export async function checkKeyPossession(
  publicKey: Uint8Array,
  challenge: string,
  signature: string,
): Promise<void> {
  assertPublicKey(publicKey);
  const message = possessionMessage(await keyId(publicKey), challenge);
  if (!(await verifySignature(publicKey, fromBase64url(signature), message))) {
    throw new RbsmError("signature_invalid", "The key's holder did not sign this challenge");
  }
}

/** The prefix keeps a challenge from passing as any other message that the key signs. */
function possessionMessage(id: string, challenge: string): Uint8Array {
  return utf8(`rising-bsm.com/key-possession/v1\n${id}\n${challenge}\n`);
}
