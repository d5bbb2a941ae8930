import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { RbsmError } from "@rising-bsm/protocol";

const FULL = ["ENOSPC", "EDQUOT", "EFBIG"];

function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string"
    ? error.code
    : undefined;
}

/** The same error, or `disk_full` when the operating system says that there is no room. */
export function diskError(error: unknown): unknown {
  const errno = errnoOf(error);
  if (errno === undefined || !FULL.includes(errno)) return error;
  return new RbsmError(
    "disk_full",
    undefined,
    { fix: "Free some space on the data directory's disk and try again." },
    error,
  );
}

/** Writes a file so that after a crash it holds either the old bytes or all of the new ones. */
export async function writeFileDurably(
  path: string,
  bytes: Uint8Array,
  mode = 0o600,
): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    const file = await open(temporary, "w", mode);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await moveDurably(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw diskError(error);
  }
}

/** Renames inside one folder and makes the new name survive a power cut. */
export async function moveDurably(from: string, to: string): Promise<void> {
  await rename(from, to);
  const folder = await open(dirname(to), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** The bytes of a file, or null when there is none. */
export async function readFileIfPresent(path: string): Promise<Uint8Array<ArrayBuffer> | null> {
  try {
    return new Uint8Array(await readFile(path));
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return null;
    throw error;
  }
}
