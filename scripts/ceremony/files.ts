import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { RbsmError, parseJson } from "@rising-bsm/protocol";
import type { z } from "zod";

/** Most that a file of a ceremony holds: ten thousand revocations with their reasons. */
const MAX_BYTES = 8 * 1024 * 1024;

/** The bytes of a file, or null when there is none. */
export async function readIfThere(file: string): Promise<Uint8Array<ArrayBuffer> | null> {
  try {
    return new Uint8Array(await readFile(file));
  } catch (error) {
    if (codeOf(error) === "ENOENT") return null;
    throw new RbsmError("usage", `"${file}" cannot be read: ${codeOf(error)}`, {}, error);
  }
}

/** Reads and checks a JSON file; `what` is what it should have been. */
export async function readJsonFile<T>(
  file: string,
  schema: z.ZodType<T>,
  what: string,
): Promise<T> {
  const bytes = await readIfThere(file);
  if (bytes === null) throw new RbsmError("usage", `"${file}" is missing: ${what}`);
  return parseAs(bytes, schema, `"${file}" is not ${what}`);
}

/** Parses JSON against a schema; `message` begins the error. */
export function parseAs<T>(bytes: Uint8Array, schema: z.ZodType<T>, message: string): T {
  const parsed = schema.safeParse(parseJson(bytes, { maxBytes: MAX_BYTES, code: "usage" }));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new RbsmError("usage", `${message}: ${issue?.path.join(".")} ${issue?.message}`);
}

/** Pretty JSON with a closing line feed. */
export function encodeJson(value: unknown): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(`${JSON.stringify(value, null, 2)}\n`));
}

/** Writes a file that was not there before, readable by its owner alone. */
export async function writeNew(file: string, content: Uint8Array): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  try {
    await writeFile(file, content, { mode: 0o600, flag: "wx", flush: true });
  } catch (error) {
    if (codeOf(error) !== "EEXIST") {
      throw new RbsmError("usage", `"${file}" cannot be written: ${codeOf(error)}`, {}, error);
    }
    throw new RbsmError("conflict_exists", `"${file}" exists and is never overwritten`, {
      fix: "move it away, or name another folder",
    });
  }
}

export async function writeNewJson(file: string, value: unknown): Promise<void> {
  await writeNew(file, encodeJson(value));
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}
