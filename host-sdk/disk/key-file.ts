import { randomBytes } from "node:crypto";
import { chmod, link, mkdir, open, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { base64url, fromBase64url, utf8 } from "@rising-bsm/protocol";
import { diskError, readFileIfPresent } from "./durable-file.ts";

const KEY_FILE = /^([A-Za-z0-9_-]{43})\n$/;
const OTHERS = 0o077;

/**
 * The 32 random bytes of a key file (base64url and a line feed, mode 0600), made there the first
 * time. null when the file holds anything else: what was made with the old key needs that one, so
 * none is made in its place.
 */
export async function openKeyFile(path: string): Promise<Uint8Array | null> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  if ((await readFileIfPresent(path)) === null) await createKeyFile(path);
  // A restored backup may have lost the mode.
  if (((await stat(path)).mode & OTHERS) !== 0) await chmod(path, 0o600);
  const bytes = await readFileIfPresent(path);
  const key = bytes === null ? null : KEY_FILE.exec(Buffer.from(bytes).toString("latin1"));
  return key?.[1] === undefined ? null : fromBase64url(key[1]);
}

/**
 * The name appears only with all its bytes safe on disk, and never replaces a key: of two
 * processes that start together the second takes the first one's.
 */
async function createKeyFile(path: string): Promise<void> {
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
    const directory = await open(dirname(path), "r");
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
