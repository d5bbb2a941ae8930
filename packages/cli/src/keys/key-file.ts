import { readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
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
import type { Cli } from "../command.ts";
import { configDir } from "../config-dir.ts";
import { textField } from "../json-field.ts";
import { readUserFile, systemCode, unreadable } from "../read-file.ts";
import { createFile } from "../write-file.ts";

const KEY_FILE_TYPE = "https://rising-bsm.com/publisher-key/v1";
const RECOVERY_FILE_TYPE = "https://rising-bsm.com/recovery-key/v1";
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

/** What a key is for: `signing` releases, or `recovery` of an account whose signing keys are lost. */
export type KeyUse = "signing" | "recovery";

const TYPES: Readonly<Record<KeyUse, string>> = {
  signing: KEY_FILE_TYPE,
  recovery: RECOVERY_FILE_TYPE,
};

/**
 * Makes a key and stores it with mode 0600; never replaces a file that exists. A signing key's file
 * names the recovery key (its SHA-256), so that the recovery key can be elsewhere when the key enrols.
 */
export async function createKeyFile(
  file: string,
  use: KeyUse = "signing",
  recoveryHash?: string,
): Promise<SigningKey> {
  const seed = crypto.getRandomValues(new Uint8Array(32));
  const key = await signingKeyFromSeed(seed);
  const content = {
    type: TYPES[use],
    publicKey: base64url(key.publicKey),
    seed: base64url(seed),
    ...(recoveryHash === undefined ? {} : { recoveryHash }),
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

/** Reads a key file and checks that its two halves belong together, and that it is for this use. */
export async function readKeyFile(file: string, use: KeyUse = "signing"): Promise<SigningKey> {
  const bytes = await readUserFile(file, { maxBytes: KEY_FILE_BYTES, code: "usage" });
  const fields = keyFields(bytes);
  if (fields === null) {
    throw new RbsmError("usage", `${file} is not a rising-bsm key file`, {
      fix: "make one with: rising-bsm keys new",
    });
  }
  if (fields.type !== TYPES[use]) {
    const kinds = {
      signing: "a recovery key, which signs no releases",
      recovery: "no recovery key",
    };
    throw new RbsmError("usage", `${file} is ${kinds[use]}`);
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

/** The file of a key: `file` when it is given, else that of the named one. */
export function keyFileOf(
  { env, cwd }: Pick<Cli, "env" | "cwd">,
  name: string,
  file: string | undefined,
): string {
  return file === undefined ? keyPath(env, name) : resolve(cwd, file);
}

/** The file of a key that is given by one word: what looks like a path is one, else it is a name. */
export function namedKeyFile({ env, cwd }: Pick<Cli, "env" | "cwd">, nameOrFile: string): string {
  return /[./\\]/.test(nameOrFile) ? resolve(cwd, nameOrFile) : keyPath(env, nameOrFile);
}

/** SHA-256 of the recovery key that was made with the key; undefined when none was. */
export async function recoveryHashOf(file: string): Promise<string | undefined> {
  const bytes = await readUserFile(file, { maxBytes: KEY_FILE_BYTES, code: "usage" });
  const hash = keyFields(bytes)?.recoveryHash;
  return hash !== undefined && /^[0-9a-f]{64}$/.test(hash) ? hash : undefined;
}

/** Where the recovery key of a key file is made: beside it, to be moved to a safe place. */
export function recoveryPath(file: string): string {
  return `${file.replace(/(?:\.key)?\.json$/, "")}.recovery.json`;
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
  if (bytes.length > KEY_FILE_BYTES) return false;
  const text = new TextDecoder().decode(bytes);
  return Object.values(TYPES).some((type) => text.includes(type));
}

/** A publisher named by key id, by public key, or by a file that holds one of the two halves. */
export async function pinnedKeyId(pin: string): Promise<string> {
  if (/^[0-9a-f]{64}$/.test(pin)) return pin;
  if (PUBLIC_KEY.test(pin)) return await publicKeyId(pin);
  const limit = { maxBytes: KEY_FILE_BYTES, code: "usage" } as const;
  const bytes = await readUserFile(pin, limit).catch((error: unknown) => {
    throw noKey(pin, error);
  });
  const text = keyFields(bytes)?.publicKey ?? utf8Decode(bytes, "usage").trim();
  if (!PUBLIC_KEY.test(text)) throw noKey(pin);
  return await publicKeyId(text);
}

function noKey(pin: string, cause?: unknown): RbsmError {
  const message = `"${pin}" is neither a key id nor a public key nor a key file`;
  return new RbsmError("usage", message, { fix: "rising-bsm keys list shows key ids" }, cause);
}

async function publicKeyId(text: string): Promise<string> {
  const raw = fromBase64url(text);
  assertPublicKey(raw);
  return await keyId(raw);
}

/** The key of a file, or null when there is no such file. */
export async function readKeyIfExists(
  file: string,
  use: KeyUse = "signing",
): Promise<SigningKey | null> {
  try {
    return await readKeyFile(file, use);
  } catch (error) {
    if (error instanceof RbsmError && systemCode(error.cause) === "ENOENT") return null;
    throw error;
  }
}

interface KeyFields {
  readonly type: string;
  readonly publicKey: string;
  readonly seed: string;
  readonly recoveryHash: string | undefined;
}

function keyFields(bytes: Uint8Array): KeyFields | null {
  if (!isKeyFile(bytes)) return null;
  const text = new TextDecoder().decode(bytes);
  const value = parseJson(text, { maxBytes: KEY_FILE_BYTES, code: "usage" });
  const type = textField(value, "type");
  const [publicKey, seed] = [textField(value, "publicKey"), textField(value, "seed")];
  const isKnown = Object.values(TYPES).some((known) => known === type);
  if (!isKnown || type === undefined || publicKey === undefined || seed === undefined) return null;
  return { type, publicKey, seed, recoveryHash: textField(value, "recoveryHash") };
}
