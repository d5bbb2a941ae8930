import type { Case } from "./cases.ts";

const KEY = `crypto.subtle.importKey("raw", new TextEncoder().encode("key"), { name: "HMAC", hash: "SHA-256" }, true, ["sign", "verify"])`;
const FOX = `new TextEncoder().encode("The quick brown fox jumps over the lazy dog")`;

export const CRYPTO_CASES: Readonly<Record<string, readonly Case[]>> = {
  Crypto: [
    [
      "randomUUID is version 4",
      `/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(crypto.randomUUID())`,
    ],
    [
      "getRandomValues fills and returns its argument",
      `(() => { const a = new Uint32Array(64); return crypto.getRandomValues(a) === a && new Set(a).size > 60 })()`,
    ],
    [
      "it takes views of integers",
      `[new Int8Array(1), new Uint8ClampedArray(1), new BigUint64Array(1)].every((view) => crypto.getRandomValues(view) === view) && [new Float32Array(1), new Float64Array(1), new DataView(new ArrayBuffer(1))].every((view) => throws("TypeMismatchError", () => crypto.getRandomValues(view)) || throws("TypeError", () => crypto.getRandomValues(view)))`,
    ],
    [
      "more than 65,536 bytes are a QuotaExceededError",
      `throws("QuotaExceededError", () => crypto.getRandomValues(new Uint8Array(65537))) && crypto.getRandomValues(new Uint8Array(65536)).length === 65536`,
    ],
    [
      "it cannot be constructed",
      `throws("TypeError", () => new Crypto()) && throws("TypeError", () => new SubtleCrypto()) && throws("TypeError", () => new CryptoKey())`,
    ],
  ],
  SubtleCrypto: [
    [
      "SHA-1 of abc",
      `(async () => hex(await crypto.subtle.digest("SHA-1", bytes(97, 98, 99))) === "a9993e364706816aba3e25717850c26c9cd0d89d")()`,
    ],
    [
      "SHA-256 of nothing and of abc",
      `(async () => hex(await crypto.subtle.digest("sha-256", bytes())) === "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" && hex(await crypto.subtle.digest({ name: "SHA-256" }, bytes(97, 98, 99).buffer)) === "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")()`,
    ],
    [
      "SHA-384 and SHA-512 of abc",
      `(async () => hex(await crypto.subtle.digest("SHA-384", bytes(97, 98, 99))).startsWith("cb00753f45a35e8bb5a03d699ac65007272c32ab0eded163") && hex(await crypto.subtle.digest("SHA-512", bytes(97, 98, 99))).startsWith("ddaf35a193617abacc417349ae20413112e6fa4e89a97ea2"))()`,
    ],
    [
      "another hash is a NotSupportedError",
      `rejects("NotSupportedError", crypto.subtle.digest("MD5", bytes()))`,
    ],
    [
      "digest rejects rather than throws",
      `rejects("TypeError", crypto.subtle.digest("SHA-256", "text"))`,
    ],
    [
      "HMAC signs as RFC 2104 says",
      `(async () => hex(await crypto.subtle.sign("HMAC", await ${KEY}, ${FOX})) === "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8")()`,
    ],
    [
      "verify tells right from wrong",
      `(async () => { const key = await ${KEY}; const mac = await crypto.subtle.sign("HMAC", key, bytes(1)); const other = new Uint8Array(mac.slice(0)); other[0] ^= 1; return (await crypto.subtle.verify("HMAC", key, mac, bytes(1))) && !(await crypto.subtle.verify("HMAC", key, mac, bytes(2))) && !(await crypto.subtle.verify("HMAC", key, other, bytes(1))) && !(await crypto.subtle.verify("HMAC", key, mac.slice(1), bytes(1))) && !(await crypto.subtle.verify("HMAC", key, bytes(...new Uint8Array(mac), 0), bytes(1))) })()`,
    ],
    [
      "a key is used for what it was made for",
      `(async () => { const key = await crypto.subtle.importKey("raw", bytes(1), { name: "HMAC", hash: "SHA-1" }, false, ["verify"]); return (await rejects("InvalidAccessError", crypto.subtle.sign("HMAC", key, bytes()))) && (await rejects("InvalidAccessError", crypto.subtle.exportKey("raw", key))) })()`,
    ],
    [
      "a key without or with a wrong usage is a SyntaxError",
      `(async () => (await rejects("SyntaxError", crypto.subtle.importKey("raw", bytes(1), { name: "HMAC", hash: "SHA-256" }, true, []))) && (await rejects("SyntaxError", crypto.subtle.importKey("raw", bytes(1), { name: "HMAC", hash: "SHA-256" }, true, ["encrypt"]))))()`,
    ],
    [
      "an empty key is a DataError",
      `rejects("DataError", crypto.subtle.importKey("raw", bytes(), { name: "HMAC", hash: "SHA-256" }, true, ["sign"]))`,
    ],
    [
      "a key goes through JWK and back",
      `(async () => { const jwk = await crypto.subtle.exportKey("jwk", await ${KEY}); const key = await crypto.subtle.importKey("jwk", jwk, { name: "HMAC", hash: "SHA-256" }, true, ["sign"]); return jwk.kty === "oct" && jwk.alg === "HS256" && jwk.k === "a2V5" && hex(await crypto.subtle.exportKey("raw", key)) === "6b6579" })()`,
    ],
    [
      "generateKey makes a key as long as a block",
      `(async () => { const key = await crypto.subtle.generateKey({ name: "HMAC", hash: "SHA-512" }, true, ["sign"]); return (await crypto.subtle.exportKey("raw", key)).byteLength === 128 && key.algorithm.length === 1024 })()`,
    ],
  ],
  CryptoKey: [
    [
      "its attributes",
      `(async () => { const key = await ${KEY}; return key.type === "secret" && key.extractable && key.algorithm.name === "HMAC" && key.algorithm.hash.name === "SHA-256" && key.algorithm.length === 24 && same(key.usages, ["sign", "verify"]) && key instanceof CryptoKey })()`,
    ],
  ],
};
