import { readFile, stat } from "node:fs/promises";
import { type ErrorCode, RbsmError } from "@rising-bsm/protocol";

/** Reads a file named on the command line; refuses one over `maxBytes` before reading it. */
export async function readUserFile(
  path: string,
  limit: { maxBytes: number; code: ErrorCode },
): Promise<Uint8Array<ArrayBuffer>> {
  const info = await stat(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  if (!info.isFile()) throw new RbsmError("usage", `${path} is not a file`);
  if (info.size > limit.maxBytes) {
    throw new RbsmError(
      limit.code,
      `${path} has ${info.size} bytes; ${limit.maxBytes} are allowed`,
    );
  }
  const bytes = await readFile(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  return new Uint8Array(bytes);
}

/** The error for a path that cannot be read: a usage error, because the user named it. */
export function unreadable(path: string, error: unknown): RbsmError {
  const reasons: Record<string, string> = {
    ENOENT: "does not exist",
    EACCES: "may not be read",
    ENOTDIR: "is not inside a folder",
  };
  const reason = reasons[systemCode(error)] ?? "cannot be read";
  return new RbsmError("usage", `${path} ${reason}`, {}, error);
}

/** The code of a failed system call, such as `ENOENT`; empty for any other error. */
export function systemCode(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
