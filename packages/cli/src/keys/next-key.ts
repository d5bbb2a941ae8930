import { link, rename } from "node:fs/promises";
import type { SigningKey } from "@rising-bsm/protocol";
import { systemCode } from "../read-file.ts";
import { unwritable } from "../write-file.ts";
import { createKeyFile, type KeyUse, readKeyFile, readKeyIfExists } from "./key-file.ts";

/** The file of the key that is about to take the place of another. */
export function nextPath(file: string): string {
  return `${file}.next`;
}

/**
 * The key that is to take the place of the one in `file`. It is on the disk before anybody hears of
 * it; a command that was interrupted goes on with the same one.
 */
export async function openNextKey(file: string, use: KeyUse): Promise<SigningKey> {
  const begun = await readKeyIfExists(nextPath(file), use);
  return begun ?? (await createKeyFile(nextPath(file), use));
}

/**
 * Puts the next key into its place. The one before stays under a name of its own, which is the answer;
 * null when there was none. At every moment `file` holds the old key or the new one.
 */
export async function promoteNextKey(file: string, use: KeyUse): Promise<string | null> {
  const old = await readKeyIfExists(file, use);
  await readKeyFile(nextPath(file), use);
  const kept = old === null ? null : keptPath(file, old.keyId);
  try {
    if (kept !== null) await keepUnder(kept, file);
    await rename(nextPath(file), file);
  } catch (error) {
    throw unwritable(file, error);
  }
  return kept;
}

async function keepUnder(kept: string, file: string): Promise<void> {
  await link(file, kept).catch((error: unknown) => {
    if (systemCode(error) !== "EEXIST") throw error;
  });
}

/** `default.key.json` → `default-0123abcd.key.json` */
function keptPath(file: string, keyId: string): string {
  return file.replace(/((?:\.key|\.recovery)?\.json)?$/, `-${keyId.slice(0, 8)}$1`);
}
