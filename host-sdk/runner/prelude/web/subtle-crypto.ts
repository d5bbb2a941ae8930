import { errandOfBytes } from "../errands.ts";
import { fromBase64, toBase64 } from "./base64.ts";
import { bytesOf, concatenated } from "./bytes.ts";
import { DOMException } from "./dom-exception.ts";
import { getRandomValues, randomUUID } from "./random.ts";

/** Hashes and HMAC of Web Crypto; the runner computes the hashes. Other algorithms are NotSupportedError. */

interface Hash {
  readonly name: string;
  readonly node: string;
  readonly blockBits: number;
  readonly jwk: string;
}

const HASHES: readonly Hash[] = [
  { name: "SHA-1", node: "sha1", blockBits: 512, jwk: "HS1" },
  { name: "SHA-256", node: "sha256", blockBits: 512, jwk: "HS256" },
  { name: "SHA-384", node: "sha384", blockBits: 1_024, jwk: "HS384" },
  { name: "SHA-512", node: "sha512", blockBits: 1_024, jwk: "HS512" },
];
const USAGES = ["sign", "verify"];

interface KeyFacts {
  readonly hash: Hash;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly extractable: boolean;
  readonly usages: readonly string[];
}

const secret = Symbol("only importKey and generateKey make keys");
let factsOf: (key: unknown) => KeyFacts;

export class CryptoKey {
  readonly #facts: KeyFacts;

  constructor(key?: unknown, facts?: KeyFacts) {
    if (key !== secret || facts === undefined) throw new TypeError("Illegal constructor");
    this.#facts = facts;
  }

  get type(): string {
    return "secret";
  }

  get extractable(): boolean {
    return this.#facts.extractable;
  }

  get algorithm(): object {
    const { hash, bytes } = this.#facts;
    return { name: "HMAC", length: bytes.length * 8, hash: { name: hash.name } };
  }

  get usages(): string[] {
    return [...this.#facts.usages];
  }

  static {
    factsOf = (key) => {
      if (!(key instanceof CryptoKey)) throw new TypeError("A CryptoKey is needed");
      return key.#facts;
    };
  }
}

type ImportArguments = readonly [
  format: unknown,
  data: unknown,
  algorithm: unknown,
  extractable: unknown,
  usages: Iterable<unknown>,
];

export class SubtleCrypto {
  constructor(key?: unknown) {
    if (key !== secret) throw new TypeError("Illegal constructor");
  }

  async digest(algorithm: unknown, data: unknown): Promise<ArrayBuffer> {
    return digest(hashOf(algorithm), bytesOf(data)).buffer;
  }

  async importKey(...[format, data, algorithm, extractable, usages]: ImportArguments) {
    const hash = hmacHash(algorithm);
    const bytes = format === "raw" ? bytesOf(data).slice() : fromJwk(format, data, hash);
    if (bytes.length === 0) throw new DOMException("The key is empty", "DataError");
    return makeKey(hash, bytes, { extractable: Boolean(extractable), usages });
  }

  async generateKey(algorithm: unknown, extractable: unknown, usages: Iterable<unknown>) {
    const hash = hmacHash(algorithm);
    const bits = Number(Reflect.get(Object(algorithm), "length") ?? hash.blockBits);
    if (!Number.isInteger(bits / 8) || bits < 8 || bits > 65_536)
      throw new DOMException("The key has a length that is not supported", "OperationError");
    const bytes = getRandomValues(new Uint8Array(bits / 8));
    return makeKey(hash, bytes, { extractable: Boolean(extractable), usages });
  }

  async exportKey(format: unknown, key: unknown): Promise<unknown> {
    const { hash, bytes, extractable, usages } = factsOf(key);
    if (!extractable) throw new DOMException("The key is not extractable", "InvalidAccessError");
    if (format === "raw") return bytes.slice().buffer;
    if (format !== "jwk") throw unsupported(`The format "${String(format)}"`);
    return { key_ops: [...usages], ext: true, alg: hash.jwk, kty: "oct", k: toBase64Url(bytes) };
  }

  async sign(algorithm: unknown, key: unknown, data: unknown): Promise<ArrayBuffer> {
    return mac(algorithm, usable(key, "sign"), bytesOf(data)).buffer;
  }

  async verify(
    ...[algorithm, key, signature, data]: readonly [unknown, unknown, unknown, unknown]
  ): Promise<boolean> {
    const given = bytesOf(signature).slice();
    const expected = mac(algorithm, usable(key, "verify"), bytesOf(data));
    return isEqual(given, expected);
  }
}

export class Crypto {
  readonly #subtle = new SubtleCrypto(secret);

  constructor(key?: unknown) {
    if (key !== secret) throw new TypeError("Illegal constructor");
  }

  get subtle(): SubtleCrypto {
    return this.#subtle;
  }

  getRandomValues<T>(target: T): T {
    return getRandomValues(target);
  }

  randomUUID(): string {
    return randomUUID();
  }
}

export const crypto = new Crypto(secret);

function makeKey(
  hash: Hash,
  bytes: Uint8Array<ArrayBuffer>,
  { extractable, usages }: { extractable: boolean; usages: Iterable<unknown> },
): CryptoKey {
  const asked = Array.from(usages, String);
  const unknown = asked.find((usage) => !USAGES.includes(usage));
  if (unknown !== undefined || asked.length === 0)
    throw new DOMException(`An HMAC key has no usage "${unknown ?? ""}"`, "SyntaxError");
  const chosen = USAGES.filter((usage) => asked.includes(usage));
  return new CryptoKey(secret, { hash, bytes, extractable, usages: chosen });
}

function usable(key: unknown, usage: string): KeyFacts {
  const facts = factsOf(key);
  if (!facts.usages.includes(usage))
    throw new DOMException(`The key may not ${usage}`, "InvalidAccessError");
  return facts;
}

/** HMAC as RFC 2104 makes it of a hash. */
function mac(algorithm: unknown, { hash, bytes }: KeyFacts, data: Uint8Array) {
  if (nameOf(algorithm) !== "HMAC") throw unsupported("This algorithm");
  const block = new Uint8Array(hash.blockBits / 8);
  block.set(bytes.length > block.length ? digest(hash, bytes) : bytes);
  const inner = digest(hash, concatenated([block.map((byte) => byte ^ 0x36), data]));
  return digest(hash, concatenated([block.map((byte) => byte ^ 0x5c), inner]));
}

function digest(hash: Hash, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const answer = errandOfBytes("digest", { first: hash.node, bytes })?.at(-1);
  if (answer instanceof Uint8Array) return answer;
  throw new DOMException("The operation failed", "OperationError");
}

/** In a time that does not depend on where they differ. */
function isEqual(one: Uint8Array, other: Uint8Array): boolean {
  let difference = one.length ^ other.length;
  for (const [at, byte] of other.entries()) difference |= byte ^ (one[at] ?? 0);
  return difference === 0;
}

function hmacHash(algorithm: unknown): Hash {
  if (nameOf(algorithm) !== "HMAC") throw unsupported("This algorithm");
  return hashOf(Reflect.get(Object(algorithm), "hash"));
}

function hashOf(algorithm: unknown): Hash {
  const name = nameOf(algorithm);
  const found = HASHES.find((hash) => hash.name === name);
  if (found === undefined) throw unsupported(`The hash "${name}"`);
  return found;
}

function nameOf(algorithm: unknown): string {
  const isObject = typeof algorithm === "object" && algorithm !== null;
  return String(isObject ? Reflect.get(algorithm, "name") : algorithm).toUpperCase();
}

function fromJwk(format: unknown, data: unknown, hash: Hash): Uint8Array<ArrayBuffer> {
  if (format !== "jwk") throw unsupported(`The format "${String(format)}"`);
  const { kty, k, alg = hash.jwk } = Object(data);
  if (kty !== "oct" || typeof k !== "string" || alg !== hash.jwk)
    throw new DOMException("The key is not an HMAC key for this hash", "DataError");
  return fromBase64(k.replaceAll("-", "+").replaceAll("_", "/"));
}

function toBase64Url(bytes: Uint8Array): string {
  return toBase64(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function unsupported(what: string): DOMException {
  return new DOMException(`${what} is not supported`, "NotSupportedError");
}
