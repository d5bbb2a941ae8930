import { Point } from "@noble/ed25519";
import { z } from "zod";
import { base64url, cryptoBytes, fromBase64url, sha256Hex, utf8 } from "./encoding.ts";
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
  if (!isCanonicalPoint(raw)) return "is not in canonical form";
  if (isSmallOrder(raw)) return "is of small order";
  try {
    return Point.fromBytes(raw, false).isTorsionFree() ? null : "has a torsion component";
  } catch {
    return "is not a point of the curve";
  }
}

// Field prime 2^255 - 19 and group order L, little endian.
const PRIME = Uint8Array.of(0xed, ...Array.from({ length: 30 }, () => 0xff), 0x7f);
const ORDER = Uint8Array.from(
  { length: KEY_BYTES },
  (_, i) =>
    [
      0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
      0x14,
    ][i] ?? (i === 31 ? 0x10 : 0),
);

/** The eight points whose order divides 8, as y without the sign bit: 1, −1, 0 and ±y of order 8. */
const SMALL_ORDER_Y: ReadonlySet<string> = new Set([
  "0100000000000000000000000000000000000000000000000000000000000000",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "0000000000000000000000000000000000000000000000000000000000000000",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
]);

function withoutSign(point: Uint8Array): Uint8Array {
  const y = point.slice();
  y[31] = (y[31] ?? 0) & 0x7f;
  return y;
}

function isCanonicalPoint(point: Uint8Array): boolean {
  return isBelow(withoutSign(point), PRIME);
}

function isSmallOrder(point: Uint8Array): boolean {
  return SMALL_ORDER_Y.has(
    Array.from(withoutSign(point), (b) => b.toString(16).padStart(2, "0")).join(""),
  );
}

/** Whether a < b, both 32 bytes little endian. */
function isBelow(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = KEY_BYTES - 1; i >= 0; i--) {
    const [x, y] = [a[i] ?? 0, b[i] ?? 0];
    if (x !== y) return x < y;
  }
  return false;
}

/**
 * Whether key and signature have the one form that every Ed25519 implementation judges alike:
 * both points canonical and not of small order, and S below the group order.
 */
export function isPlainSignature(publicKey: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false;
  const points = [publicKey, signature.subarray(0, KEY_BYTES)];
  if (!points.every((point) => isCanonicalPoint(point) && !isSmallOrder(point))) return false;
  return isBelow(signature.subarray(KEY_BYTES), ORDER);
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
