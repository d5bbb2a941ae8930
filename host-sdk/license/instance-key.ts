import { randomBytes } from "node:crypto";
import { chmod, link, mkdir, open, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { base64url, fromBase64url, RbsmError, utf8, utf8Decode } from "@rising-bsm/protocol";
import { signingKeyFromSeed, type SigningKey } from "@rising-bsm/protocol";
import { diskError, readFileIfPresent } from "../disk/durable-file.ts";

const SEED_FILE = /^([A-Za-z0-9_-]{43})\n$/;
const OTHERS = 0o077;

/**
 * The key that is this instance: read from `instance.key` in the data directory, made there the
 * first time. The private part never leaves the file and this process. Throws
 * `license_instance_key` when the file is damaged: a new key would be a new instance without any
 * of the old one's licenses, so none is made in its place.
 */
export async function openInstanceKey(dataDir: string): Promise<SigningKey> {
  const path = join(dataDir, "instance.key");
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  if ((await readFileIfPresent(path)) === null) await createKeyFile(dataDir, path);
  // A restored backup may have lost the mode.
  if (((await stat(path)).mode & OTHERS) !== 0) await chmod(path, 0o600);
  const bytes = await readFileIfPresent(path);
  const seed = bytes === null ? null : SEED_FILE.exec(utf8Decode(bytes, "license_instance_key"));
  if (seed?.[1] !== undefined) return signingKeyFromSeed(fromBase64url(seed[1]));
  throw new RbsmError("license_instance_key", `${path} does not hold an instance key`, {
    fix: "Restore the file from a backup, or delete it and activate your licenses again.",
  });
}

/**
 * The name appears only with all its bytes safe on disk, and never replaces a key: of two
 * processes that start together the second takes the first one's.
 */
async function createKeyFile(folder: string, path: string): Promise<void> {
  const temporary = `${path}.${randomBytes(8).toString("hex")}.tmp`;
  try {
    const file = await open(temporary, "wx", 0o600);
    try {
      await file.writeFile(utf8(`${base64url(randomBytes(32))}\n`));
      await file.sync();
    } finally {
      await file.close();
    }
    await link(temporary, path).catch(ignoreExisting);
    const directory = await open(folder, "r");
    await directory.sync().finally(() => directory.close());
  } catch (error) {
    throw diskError(error);
  } finally {
    await rm(temporary, { force: true });
  }
}

function ignoreExisting(error: unknown): void {
  const exists = error instanceof Error && "code" in error && error.code === "EEXIST";
  if (!exists) throw error;
}
