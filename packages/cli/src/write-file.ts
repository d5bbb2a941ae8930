import { randomBytes } from "node:crypto";
import { mkdir, open, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { RbsmError } from "@rising-bsm/protocol";
import { systemCode } from "./read-file.ts";

/**
 * Writes a file so that a reader, or a crash, sees the old content or the new one and nothing
 * between. Missing folders are made; `mode` is the new file's from its first byte on. A link is
 * followed, and a device or pipe is written to: neither is replaced by a file.
 */
export async function writeFileAtomic(
  path: string,
  content: Uint8Array | string,
  mode = 0o644,
): Promise<void> {
  try {
    const existing = await stat(path).catch(() => null);
    if (existing === null) await makeFolder(dirname(path), mode);
    if (existing === null || existing.isFile()) {
      await replace(existing === null ? path : await realpath(path), content, mode);
    } else {
      await writeFile(path, content);
    }
  } catch (error) {
    throw unwritable(path, error);
  }
}

/** Makes a file that does not exist yet; of two processes at once only one succeeds. */
export async function createFile(path: string, content: string, mode: number): Promise<void> {
  try {
    await makeFolder(dirname(path), mode);
    const claim = await open(path, "wx", mode);
    await claim.close();
  } catch (error) {
    if (systemCode(error) === "EEXIST") throw new RbsmError("conflict_exists", `${path} exists`);
    throw unwritable(path, error);
  }
  try {
    await replace(path, content, mode);
  } catch (error) {
    await rm(path, { force: true });
    throw unwritable(path, error);
  }
}

async function replace(path: string, content: Uint8Array | string, mode: number): Promise<void> {
  const temporary = join(dirname(path), `.${randomBytes(9).toString("hex")}.tmp`);
  try {
    const file = await open(temporary, "wx", mode);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
}

/** One folder after the other: Node's own recursive mkdir never ends in a file system like /proc. */
async function makeFolder(folder: string, fileMode: number): Promise<void> {
  const exists = await stat(folder).catch(() => null);
  if (exists !== null || dirname(folder) === folder) return;
  await makeFolder(dirname(folder), fileMode);
  await mkdir(folder, fileMode === 0o600 ? 0o700 : 0o777).catch((error: unknown) => {
    if (systemCode(error) !== "EEXIST") throw error;
  });
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: "may not be written",
  EPERM: "may not be written",
  EROFS: "lies on a read-only file system",
  EISDIR: "is a folder",
  ENOTDIR: "is not inside a folder",
  ENAMETOOLONG: "has a name that is too long",
};

/** The error for a path that cannot be written: a usage error, because the user named it. */
export function unwritable(path: string, error: unknown): RbsmError {
  const code = systemCode(error);
  if (code === "ENOSPC" || code === "EDQUOT")
    return new RbsmError("disk_full", undefined, {}, error);
  const reason = REASONS[code] ?? `cannot be written (${code})`;
  return new RbsmError("usage", `${path} ${reason}`, {}, error);
}
