import { createCipheriv, createDecipheriv, randomBytes, scrypt } from "node:crypto";
import { promisify } from "node:util";
import {
  RbsmError,
  assertPublicKey,
  base64url,
  fromBase64url,
  publicKeySchema,
  signingKeyFromSeed,
} from "@rising-bsm/protocol";
import type { SigningKey } from "@rising-bsm/protocol";
import { z } from "zod";
import { tufKeyId } from "../../workers/trust/tuf-metadata.ts";
import { readJsonFile, writeNewJson } from "./files.ts";

/** One of the people who sign root and targets together. */
export interface Signer {
  readonly name: string;
  /** TUF's id of the key, as root.json has it. */
  readonly keyId: string;
  readonly publicKey: Uint8Array<ArrayBuffer>;
}

/** A signer with the private half of the key. */
export interface HeldKey extends Signer {
  readonly signingKey: SigningKey;
}

/** What the passphrase costs: 128 MiB and about half a second for each guess. */
const SCRYPT = { N: 2 ** 17, r: 8, p: 1, maxmem: 256 * 1024 * 1024 } as const;
const KEY_BYTES = 32;
const TAG_BYTES = 16;

const text = z.string().regex(/^[A-Za-z0-9_-]+$/);
const signer = {
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,31}$/),
  keyId: z.string().regex(/^[0-9a-f]{64}$/),
  publicKey: publicKeySchema,
};
const publicFile = z.strictObject({
  type: z.literal("https://rising-bsm.com/root-signer/v1"),
  ...signer,
});
const privateFile = z.strictObject({
  type: z.literal("https://rising-bsm.com/root-signer-key/v1"),
  ...signer,
  /** The 32-byte seed: as it is, or encrypted by a key that scrypt makes of a passphrase. */
  seed: z.union([
    text.length(43),
    z.strictObject({
      kdf: z.literal("scrypt"),
      N: z.literal(SCRYPT.N),
      r: z.literal(SCRYPT.r),
      p: z.literal(SCRYPT.p),
      salt: text,
      cipher: z.literal("aes-256-gcm"),
      nonce: text,
      /** Ciphertext and tag. */
      sealed: text,
    }),
  ]),
});
type SealedSeed = Exclude<z.output<typeof privateFile>["seed"], string>;

/** Makes NAME.key.json, which never leaves this machine, and NAME.pub.json, which goes to the ceremony. */
export async function createSignerKey(
  dir: string,
  { name, passphrase }: { readonly name: string; readonly passphrase: string | null },
): Promise<Signer> {
  const seed = randomBytes(KEY_BYTES);
  const { publicKey } = await signingKeyFromSeed(seed);
  const fields = checkName({ name, keyId: await tufKeyId(publicKey), publicKey });
  await writeNewJson(`${dir}/${name}.key.json`, {
    type: "https://rising-bsm.com/root-signer-key/v1",
    ...fields,
    seed: passphrase === null ? base64url(seed) : await seal(seed, passphrase, fields.publicKey),
  });
  await writeNewJson(`${dir}/${name}.pub.json`, {
    type: "https://rising-bsm.com/root-signer/v1",
    ...fields,
  });
  return { name, keyId: fields.keyId, publicKey };
}

function checkName({ name, keyId, publicKey }: Signer) {
  if (signer.name.safeParse(name).success) return { name, keyId, publicKey: base64url(publicKey) };
  throw new RbsmError("usage", `"${name}" cannot be a signer's name`, {
    fix: "use up to 32 of a-z, 0-9 and -",
  });
}

/** The signer of a NAME.pub.json; its id is computed, not believed. */
export async function readSigner(file: string): Promise<Signer> {
  const fields = await readJsonFile(file, publicFile, "a signer's public file (NAME.pub.json)");
  const publicKey = fromBase64url(fields.publicKey);
  assertPublicKey(publicKey);
  if ((await tufKeyId(publicKey)) !== fields.keyId) {
    throw new RbsmError(
      "signature_key_rejected",
      `"${file}" has a key that is not the one it names`,
      {
        fix: "ask the signer for the file that keygen wrote",
      },
    );
  }
  return { name: fields.name, keyId: fields.keyId, publicKey };
}

/** The key of a NAME.key.json; `askPassphrase` is called only when the file is encrypted. */
export async function readSignerKey(
  file: string,
  askPassphrase: () => Promise<string>,
): Promise<HeldKey> {
  const { name, keyId, ...fields } = await readJsonFile(
    file,
    privateFile,
    "a signer's private file (NAME.key.json)",
  );
  const seed =
    typeof fields.seed === "string"
      ? fromBase64url(fields.seed)
      : await open(fields.seed, await askPassphrase(), fields.publicKey);
  if (seed === null) {
    throw new RbsmError("usage", `The passphrase does not open "${file}"`, {
      fix: "try again; a forgotten passphrase is a lost key (runbook: a signer lost the key)",
    });
  }
  const signingKey = await signingKeyFromSeed(seed);
  if (base64url(signingKey.publicKey) !== fields.publicKey) {
    throw new RbsmError("signature_key_rejected", `"${file}" holds halves of different keys`, {
      fix: "use the file that keygen wrote",
    });
  }
  return { name, keyId, publicKey: signingKey.publicKey, signingKey };
}

/** The public key is authenticated too, so that a sealed seed cannot be put under another name. */
async function seal(seed: Uint8Array, passphrase: string, publicKey: string): Promise<SealedSeed> {
  const { N, r, p } = SCRYPT;
  const [salt, nonce] = [randomBytes(32), randomBytes(12)];
  const cipher = createCipheriv("aes-256-gcm", await derive(passphrase, salt), nonce);
  cipher.setAAD(Buffer.from(publicKey));
  const sealed = Buffer.concat([cipher.update(seed), cipher.final(), cipher.getAuthTag()]);
  return {
    kdf: "scrypt",
    N,
    r,
    p,
    salt: base64url(salt),
    cipher: "aes-256-gcm",
    nonce: base64url(nonce),
    sealed: base64url(sealed),
  };
}

/** Null when the passphrase is another one, or a byte of the file was changed. */
async function open(
  { salt, nonce, sealed }: SealedSeed,
  passphrase: string,
  publicKey: string,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const key = await derive(passphrase, fromBase64url(salt));
  const bytes = fromBase64url(sealed);
  try {
    const decipher = createDecipheriv("aes-256-gcm", key, fromBase64url(nonce), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(Buffer.from(publicKey)).setAuthTag(bytes.subarray(-TAG_BYTES));
    const seed = decipher.update(bytes.subarray(0, -TAG_BYTES));
    return new Uint8Array(Buffer.concat([seed, decipher.final()]));
  } catch {
    return null;
  }
}

const scryptAsync = promisify<string, Uint8Array, number, typeof SCRYPT, Buffer>(scrypt);

/** NFC, so that the same passphrase typed on another keyboard gives the same key. */
function derive(passphrase: string, salt: Uint8Array): Promise<Buffer> {
  return scryptAsync(passphrase.normalize("NFC"), salt, KEY_BYTES, SCRYPT);
}
