import { Point } from "@noble/ed25519";
import { describe, expect, inject, test, vi } from "vitest";
import { z } from "zod";
import { fromHex, hex, sha256Hex, utf8 } from "./encoding.ts";
import {
  assertPublicKey,
  checkKeyPossession,
  isPlainSignature,
  keyId,
  proveKeyPossession,
  signingKeyFromSeed,
  verifySignature,
} from "./keys.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** JSON texts by name; empty where the vectors are not beside the project. */
    ed25519Vectors: Record<string, string>;
  }
}

const key = await signingKeyFromSeed(new Uint8Array(32).fill(7));
const message = utf8("a message");
const signature = await key.sign(message);

describe("the RFC 8032 test vectors", () => {
  test.each([
    {
      seed: "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
      publicKey: "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
      message: "",
      signature:
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    },
    {
      seed: "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
      publicKey: "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
      message: "72",
      signature:
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    },
  ])("seed $seed gives its key and signature", async (vector) => {
    const signer = await signingKeyFromSeed(fromHex(vector.seed));
    expect(hex(signer.publicKey)).toBe(vector.publicKey);
    expect(hex(await signer.sign(fromHex(vector.message)))).toBe(vector.signature);
    expect(
      await verifySignature(signer.publicKey, fromHex(vector.signature), fromHex(vector.message)),
    ).toBe(true);
  });
});

test("a key id is the SHA-256 of the raw key", async () => {
  expect(await keyId(key.publicKey)).toBe(await sha256Hex(key.publicKey));
  expect(key.keyId).toBe(await keyId(key.publicKey));
});

test("a seed of another length is refused", async () => {
  await expect(signingKeyFromSeed(new Uint8Array(31))).rejects.toMatchObject({
    code: "signature_key_rejected",
  });
});

test("a signature verifies for its key and message only", async () => {
  const other = await signingKeyFromSeed(new Uint8Array(32).fill(8));
  expect(await verifySignature(key.publicKey, signature, message)).toBe(true);
  expect(await verifySignature(key.publicKey, signature, utf8("another"))).toBe(false);
  expect(await verifySignature(other.publicKey, signature, message)).toBe(false);
});

test("every single-bit change of a signature or key is refused", async () => {
  for (let bit = 0; bit < 512; bit++) {
    expect(await verifySignature(key.publicKey, flipBit(signature, bit), message)).toBe(false);
  }
  for (let bit = 0; bit < 256; bit++) {
    expect(await verifySignature(flipBit(key.publicKey, bit), signature, message)).toBe(false);
  }
});

test("views on shared memory are signed and verified", async () => {
  const shared = new Uint8Array(new SharedArrayBuffer(message.length));
  shared.set(message);
  expect(await verifySignature(key.publicKey, await key.sign(shared), shared)).toBe(true);
});

/** The eight points of small order in canonical form. */
const SMALL_ORDER = [
  "0100000000000000000000000000000000000000000000000000000000000000",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0000000000000000000000000000000000000000000000000000000000000080",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
];

test("the table of small-order points is the 8-torsion group", () => {
  const points = SMALL_ORDER.map((text) => Point.fromHex(text, false));
  expect(points.every((point) => point.isSmallOrder())).toBe(true);
  const group = new Set(points.flatMap((a) => points.map((b) => a.add(b).toHex())));
  expect([...group].sort()).toEqual([...SMALL_ORDER].sort());
});

const torsion = Point.fromHex(SMALL_ORDER[4] ?? "", false);
const mixedOrder = Point.BASE.add(torsion).toBytes();

test.each([
  ["too short", new Uint8Array(31), "31 bytes"],
  ["too long", new Uint8Array(33), "33 bytes"],
  ["with y = p", fromHex(`ed${"ff".repeat(30)}7f`), "canonical"],
  ["with y = p + 1", fromHex(`ee${"ff".repeat(30)}7f`), "canonical"],
  ["with y = 2^255 - 1 and a sign", fromHex("ff".repeat(32)), "canonical"],
  ["off the curve", fromHex(`02${"00".repeat(31)}`), "not a point"],
  ["with x = 0 and a sign", fromHex(`01${"00".repeat(30)}80`), "small order"],
  ["with a torsion component", mixedOrder, "torsion"],
  ...SMALL_ORDER.map((text) => [`of small order ${text}`, fromHex(text), "small order"] as const),
])("assertPublicKey() refuses a key %s", (_, raw, why) => {
  expect(() => assertPublicKey(raw)).toThrow(
    expect.objectContaining({
      code: "signature_key_rejected",
      message: expect.stringContaining(why),
    }),
  );
});

test("assertPublicKey() accepts keys of honest seeds", async () => {
  for (let i = 0; i < 20; i++) {
    const { publicKey } = await signingKeyFromSeed(new Uint8Array(32).fill(i));
    expect(() => assertPublicKey(publicKey)).not.toThrow();
  }
});

test("the identity key with its constant signature verifies nothing", async () => {
  const identity = fromHex(SMALL_ORDER[0] ?? "");
  const constant = Uint8Array.of(...identity, ...new Uint8Array(32));
  expect(await verifySignature(identity, constant, message)).toBe(false);
});

test("a signature with S = L + s is refused", () => {
  const order = 2n ** 252n + 27742317777372353535851937790883648493n;
  const s = BigInt(`0x${hex(signature.slice(32).reverse())}`);
  const malleable = signature.slice();
  malleable.set(fromHex((s + order).toString(16).padStart(64, "0")).reverse(), 32);
  expect(isPlainSignature(key.publicKey, signature)).toBe(true);
  expect(isPlainSignature(key.publicKey, malleable)).toBe(false);
  malleable.set(fromHex(order.toString(16).padStart(64, "0")).reverse(), 32);
  expect(isPlainSignature(key.publicKey, malleable)).toBe(false);
});

test.each([0, 63, 65])("a signature of %i bytes is refused, not thrown", async (length) => {
  expect(await verifySignature(key.publicKey, new Uint8Array(length), message)).toBe(false);
});

test("a key that WebCrypto cannot import is refused, not thrown", async () => {
  expect(await verifySignature(new Uint8Array(31), signature, message)).toBe(false);
  const offCurve = fromHex(`02${"00".repeat(31)}`);
  expect(await verifySignature(offCurve, signature, message)).toBe(false);
});

test("a runtime that throws gives a refusal", async () => {
  const verify = vi.spyOn(crypto.subtle, "verify").mockRejectedValue(new Error("not today"));
  expect(await verifySignature(key.publicKey, signature, message)).toBe(false);
  verify.mockRestore();
  expect(await verifySignature(key.publicKey, signature, message)).toBe(true);
});

test("possession is proven for one challenge by one key", async () => {
  const other = await signingKeyFromSeed(new Uint8Array(32).fill(9));
  const proof = await proveKeyPossession(key, "challenge-1");
  await expect(checkKeyPossession(key.publicKey, "challenge-1", proof)).resolves.toBeUndefined();
  const refused = { code: "signature_invalid" };
  await expect(checkKeyPossession(key.publicKey, "challenge-2", proof)).rejects.toMatchObject(
    refused,
  );
  await expect(checkKeyPossession(other.publicKey, "challenge-1", proof)).rejects.toMatchObject(
    refused,
  );
  await expect(checkKeyPossession(key.publicKey, "challenge-1", `${proof}=`)).rejects.toMatchObject(
    refused,
  );
});

test("a weak key cannot enrol, whatever it signs", async () => {
  await expect(checkKeyPossession(mixedOrder, "challenge", "")).rejects.toMatchObject({
    code: "signature_key_rejected",
  });
});

const vector = z.object({
  key: z.string(),
  sig: z.string(),
  msg: z.string(),
  flags: z.array(z.string()).nullable(),
});
const wycheproofFile = z.object({
  testGroups: z.array(
    z.object({
      publicKey: z.object({ pk: z.string() }),
      tests: z.array(
        z.object({
          tcId: z.int(),
          msg: z.string(),
          sig: z.string(),
          result: z.enum(["valid", "invalid"]),
        }),
      ),
    }),
  ),
});
const speccheckFile = z.array(
  z.object({ message: z.string(), pub_key: z.string(), signature: z.string() }),
);

const { wycheproof, cctv, speccheck } = inject("ed25519Vectors");
const missing = wycheproof === undefined || cctv === undefined || speccheck === undefined;
if (missing) console.warn("SKIPPED: the Ed25519 vectors are not at ../shared/vectors/ed25519");

// What both runtimes have to find: how many are accepted, and SHA-256 over the verdicts as "0" and "1".
const CCTV_ACCEPTED = 43;
const CCTV_VERDICTS = "9111cd3acbe211e15031707588bc9d68cb7b0c2d8f500fad1ebfedfc4362ffab";
const SPECCHECK_ACCEPTED = [6];

async function digestOf(verdicts: readonly boolean[]): Promise<string> {
  return sha256Hex(utf8(verdicts.map(Number).join("")));
}

describe.skipIf(missing)("third-party vectors, with the same verdicts in Node and workerd", () => {
  test("every Wycheproof verdict is met", async () => {
    const file = wycheproofFile.parse(JSON.parse(wycheproof ?? ""));
    const wrong: number[] = [];
    for (const group of file.testGroups) {
      const publicKey = fromHex(group.publicKey.pk);
      for (const { tcId, msg, sig, result } of group.tests) {
        const verdict = await verifySignature(publicKey, fromHex(sig), fromHex(msg));
        if (verdict !== (result === "valid")) wrong.push(tcId);
      }
    }
    expect(wrong).toEqual([]);
  });

  test("the 914 CCTV edge cases have the pinned verdicts", async () => {
    const cases = z.array(vector).parse(JSON.parse(cctv ?? ""));
    const verdicts: boolean[] = [];
    for (const { key: publicKey, sig, msg } of cases) {
      verdicts.push(await verifySignature(fromHex(publicKey), fromHex(sig), utf8(msg)));
    }
    expect(cases).toHaveLength(914);
    expect(verdicts.filter(Boolean)).toHaveLength(CCTV_ACCEPTED);
    expect(await digestOf(verdicts)).toBe(CCTV_VERDICTS);
  });

  test("no CCTV key with a flaw enrols", () => {
    const cases = z.array(vector).parse(JSON.parse(cctv ?? ""));
    const enrolled = cases.filter(({ key: publicKey }) => enrols(fromHex(publicKey)));
    expect(
      enrolled.flatMap(({ flags }) => (flags ?? []).filter((flag) => flag.endsWith("_A"))),
    ).toEqual([]);
    expect(enrolled.length).toBeGreaterThan(0);
  });

  test("the speccheck cases have the pinned verdicts", async () => {
    const cases = speccheckFile.parse(JSON.parse(speccheck ?? ""));
    const verdicts: boolean[] = [];
    for (const { message: text, pub_key, signature: sig } of cases) {
      verdicts.push(await verifySignature(fromHex(pub_key), fromHex(sig), fromHex(text)));
    }
    expect(verdicts.flatMap((verdict, index) => (verdict ? [index] : []))).toEqual(
      SPECCHECK_ACCEPTED,
    );
  });
});

function enrols(raw: Uint8Array): boolean {
  try {
    assertPublicKey(raw);
    return true;
  } catch {
    return false;
  }
}

function flipBit(bytes: Uint8Array, bit: number): Uint8Array {
  const flipped = bytes.slice();
  flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return flipped;
}
