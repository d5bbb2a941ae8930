import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { join } from "node:path";
import { base64url, fromBase64url, RbsmError, SETTINGS_LIMITS } from "@rising-bsm/protocol";
import { z } from "zod";
import { openKeyFile } from "../disk/key-file.ts";
import type { HostStore } from "../store/host-store.ts";

/*
 * secret / <plugin>/<name>   {nonce, box}
 * AES-256-GCM under the key of `secrets.key`, with plugin and name as associated data: a copy of the
 * database alone says nothing, and a row that is moved to another plugin does not open.
 */
const KIND = "secret";
const TAG_BYTES = 16;
const rowSchema = z.object({ nonce: z.string(), box: z.string() });

/** What administrators entered for plugins: written here, read by the broker alone. */
export interface Secrets {
  /** Names that are set, of one plugin. */
  names(plugin: string): Promise<string[]>;
  /**
   * The value, or null when there is none. Throws `conflict_state` when it was stored under another
   * key than this host's.
   */
  read(plugin: string, name: string): Promise<string | null>;
  /** Stores a value, or with null forgets it. Throws `request_invalid` for what fits no header. */
  write(plugin: string, name: string, value: string | null): Promise<void>;
}

// What any server reads back as it was sent: visible ASCII, blanks only inside.
const VALUE = /^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/;

/** Also of what an application without types passes. */
function isSecret(value: unknown): boolean {
  return (
    typeof value === "string" && value.length <= SETTINGS_LIMITS.secretLength && VALUE.test(value)
  );
}

/**
 * The key of `secrets.key` in the data directory, made there the first time. Throws
 * `conflict_state` when the file is damaged: no new key opens what was stored under the old one.
 */
export async function openSecretKey(dataDir: string): Promise<Uint8Array> {
  const path = join(dataDir, "secrets.key");
  const key = await openKeyFile(path);
  if (key !== null) return key;
  throw new RbsmError("conflict_state", `${path} does not hold a key`, {
    fix: "Restore the file from a backup, or delete it and enter the plugins' secrets again.",
  });
}

/**
 * The secrets of one host under a key of 32 bytes, which is asked for when a value is first written
 * or read: a host whose key file is damaged runs, and only what needs a secret does not.
 */
export function createSecrets(store: HostStore, openKey: () => Promise<Uint8Array>): Secrets {
  let opened: Uint8Array | undefined;
  const keyOf = async () => (opened ??= await openKey());
  return {
    async names(plugin) {
      const rows = await store.list(KIND, { prefix: `${plugin}/` });
      return rows.map((row) => row.key.slice(plugin.length + 1));
    },
    async read(plugin, name) {
      const id = `${plugin}/${name}`;
      const row = await store.get(KIND, id);
      if (row === null) return null;
      const { nonce, box } = rowSchema.parse(row.value);
      return open(await keyOf(), { id, nonce: fromBase64url(nonce), box: fromBase64url(box) });
    },
    async write(plugin, name, value) {
      const id = `${plugin}/${name}`;
      if (value !== null && !isSecret(value)) {
        throw new RbsmError(
          "request_invalid",
          `A secret has 1 to ${SETTINGS_LIMITS.secretLength} visible ASCII characters, with blanks only inside`,
        );
      }
      await store.commit([
        { kind: KIND, key: id, value: value === null ? null : seal(await keyOf(), id, value) },
      ]);
    },
  };
}

/** Forgets all secrets of a plugin, as an uninstallation that keeps no data does. */
export async function deleteSecrets(store: HostStore, plugin: string): Promise<void> {
  const rows = await store.list(KIND, { prefix: `${plugin}/` });
  if (rows.length === 0) return;
  await store.commit(rows.map(({ key }) => ({ kind: KIND, key, value: null })));
}

function seal(key: Uint8Array, id: string, value: string): { nonce: string; box: string } {
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(id));
  const box = Buffer.concat([cipher.update(value, "utf8"), cipher.final(), cipher.getAuthTag()]);
  return { nonce: base64url(nonce), box: base64url(box) };
}

function open(
  key: Uint8Array,
  { id, nonce, box }: { id: string; nonce: Uint8Array; box: Uint8Array },
): string {
  try {
    const decipher = createDecipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(id));
    decipher.setAuthTag(box.subarray(-TAG_BYTES));
    const text = decipher.update(box.subarray(0, -TAG_BYTES));
    return Buffer.concat([text, decipher.final()]).toString("utf8");
  } catch (error) {
    throw new RbsmError(
      "conflict_state",
      `The secret ${id} was stored under another key than that of secrets.key`,
      { fix: "Restore secrets.key from a backup, or enter the secret again." },
      error,
    );
  }
}
