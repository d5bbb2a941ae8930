import { readFile } from "node:fs/promises";
import { parseJson, RbsmError } from "@rising-bsm/protocol";
import { systemCode, unreadable } from "./read-file.ts";

const MAX_BYTES = 16 * 1024 * 1024;

/** JSON that this program remembers between runs; undefined when there is none. Throws `usage` when it is damaged. */
export async function readStateFile(file: string): Promise<unknown> {
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    if (systemCode(error) === "ENOENT") return undefined;
    throw unreadable(file, error);
  });
  if (text === undefined) return undefined;
  try {
    return parseJson(text, { maxBytes: MAX_BYTES, code: "usage" });
  } catch (error) {
    throw damaged(file, error);
  }
}

/** For a state file that has not the form it should have. */
export function damaged(file: string, cause?: unknown): RbsmError {
  return new RbsmError("usage", `${file} is damaged`, { fix: "delete it" }, cause);
}
