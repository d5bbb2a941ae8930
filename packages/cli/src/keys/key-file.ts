import { readdir } from "node:fs/promises";
import { join } from "node:path";
import {
  assertPublicKey,
  base64url,
  fromBase64url,
  keyId,
  parseJson,
  RbsmError,
  type SigningKey,
  signingKeyFromSeed,
  utf8Decode,
} from "@rising-bsm/protocol";
import { configDir } from "../config-dir.ts";
import { textField } from "../json-field.ts";
import { readUserFile, systemCode, unreadable } from "../read-file.ts";
import { createFile } from "../write-file.ts";

const KEY_FILE_TYPE = "https://rising-bsm.com/publisher-key/v1";
const KEY_FILE_BYTES = 4096;
const SUFFIX = ".key.json";
const PUBLIC_KEY = /^[A-Za-z0-9_-]{43}$/;

/** The name of the key that `build` signs with when `--key` is absent. */
export const DEFAULT_KEY = "default";

/** A signing key with the file that holds it. */
export interface StoredKey {
  readonly name: string;
  readonly file: string;
  readonly key: SigningKey;
}

/** Makes a key and stores it with mode 0600; never replaces a file that exists. */
export async function createKeyFile(file: string): Promise<SigningKey> {
  const seed = crypto.getRandomValues(new Uint8Array(32));
  const key = await signingKeyFromSeed(seed);
  const content = {
    type: KEY_FILE_TYPE,
    publicKey: base64url(key.publicKey),
    seed: base64url(seed),
  };
  await createFile(file, `${JSON.stringify(content, null, 2)}\n`, 0o600).catch((error: unknown) => {
    throw error instanceof RbsmError && error.code === "conflict_exists" ? keyExists(file) : error;
  });
  return key;
}

function keyExists(file: string): RbsmError {
  return new RbsmError("conflict_exists", `${file} exists; a key is never overwritten`, {
    fix: "pass another --name or --out, or move the old file away",
  });
}

/** Reads a key file and checks that its two halves belong together. */
export async function readKeyFile(file: string): Promise<SigningKey> {
  const bytes = await readUserFile(file, { maxBytes: KEY_FILE_BYTES, code: "usage" });
  const fields = keyFields(bytes);
  if (fields === null) {
    throw new RbsmError("usage", `${file} is not a rising-bsm key file`, {
      fix: "make one with: rising-bsm keys new",
    });
  }
  const key = await signingKeyFromSeed(fromBase64url(fields.seed));
  if (base64url(key.publicKey) !== fields.publicKey) {
    throw new RbsmError(
      "signature_key_rejected",
      `${file} holds a seed and a public key of different keys`,
    );
  }
  return key;
}

/** The file of a named key in the configuration folder. */
export function keyPath(env: NodeJS.ProcessEnv, name: string): string {
  if (!/^[a-z0-9][a-z0-9-]{0,63}$/.test(name)) {
    throw new RbsmError("usage", `"${name}" is no key name: use a-z, 0-9 and dashes`);
  }
  return join(configDir(env), "keys", `${name}${SUFFIX}`);
}

/** The key to sign with: `--key FILE`, else the default key, else none. */
export async function signingKey(
  env: NodeJS.ProcessEnv,
  file: string | undefined,
): Promise<SigningKey | null> {
  if (file !== undefined) return await readKeyFile(file);
  return await readKeyIfExists(keyPath(env, DEFAULT_KEY));
}

/** Every key of the configuration folder, by name. */
export async function listKeys(env: NodeJS.ProcessEnv): Promise<StoredKey[]> {
  const folder = join(configDir(env), "keys");
  const entries = await readdir(folder).catch((error: unknown) => {
    if (systemCode(error) === "ENOENT") return [];
    throw unreadable(folder, error);
  });
  const names = entries
    .filter((entry) => entry.endsWith(SUFFIX))
    .map((entry) => entry.slice(0, -SUFFIX.length));
  const stored = names.sort().map(async (name): Promise<StoredKey> => {
    const file = join(folder, `${name}${SUFFIX}`);
    return { name, file, key: await readKeyFile(file) };
  });
  return await Promise.all(stored);
}

/** Whether bytes look like a key file: such a file must never end up inside a bundle. */
export function isKeyFile(bytes: Uint8Array): boolean {
  return bytes.length <= KEY_FILE_BYTES && new TextDecoder().decode(bytes).includes(KEY_FILE_TYPE);
}

/** A publisher named by key id, by public key, or by a file that holds one of the two halves. */
export async function pinnedKeyId(pin: string): Promise<string> {
  if (/^[0-9a-f]{64}$/.test(pin)) return pin;
  if (PUBLIC_KEY.test(pin)) return await publicKeyId(pin);
  const bytes = await readUserFile(pin, { maxBytes: KEY_FILE_BYTES, code: "usage" });
  const fields = keyFields(bytes);
  return await publicKeyId(fields?.publicKey ?? utf8Decode(bytes, "usage").trim());
}

async function publicKeyId(text: string): Promise<string> {
  if (!PUBLIC_KEY.test(text)) {
    throw new RbsmError("usage", "--key names neither a key id nor a public key nor a key file");
  }
  const raw = fromBase64url(text);
  assertPublicKey(raw);
  return await keyId(raw);
}

async function readKeyIfExists(file: string): Promise<SigningKey | null> {
  try {
    return await readKeyFile(file);
  } catch (error) {
    if (error instanceof RbsmError && systemCode(error.cause) === "ENOENT") return null;
    throw error;
  }
}

function keyFields(bytes: Uint8Array): { publicKey: string; seed: string } | null {
  const text = new TextDecoder().decode(bytes);
  if (!text.includes(KEY_FILE_TYPE)) return null;
  const value = parseJson(text, { maxBytes: KEY_FILE_BYTES, code: "usage" });
  const [publicKey, seed] = [textField(value, "publicKey"), textField(value, "seed")];
  if (textField(value, "type") !== KEY_FILE_TYPE || publicKey === undefined || seed === undefined) {
    return null;
  }
  return { publicKey, seed };
}
