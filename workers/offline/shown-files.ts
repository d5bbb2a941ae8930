import { parseJson, RbsmError, TRUST_LIMITS, utf8Decode } from "@rising-bsm/protocol";
import type { z } from "zod";

/** A file of an answer. What can change under its name comes with the bytes that were read. */
export interface AnswerFile {
  readonly path: string;
  readonly bytes?: Uint8Array<ArrayBuffer>;
}

/** The static plane, read; everything that was read is remembered for the archive. */
export interface ShownFiles {
  readonly files: ReadonlyMap<string, AnswerFile>;
  /** Takes a file into the archive unread. */
  add(path: string): void;
  has(path: string): Promise<boolean>;
  /** Throws `unavailable` for a file that is not there. */
  readText(path: string): Promise<string>;
  readJson<T>(path: string, schema: z.ZodType<T>): Promise<T>;
}

/** The two files that are replaced in place. */
const POINTERS = ["tuf/timestamp.json", "log/checkpoint"];

/** What is published, for one answer; paths have no slash in front. */
export function openShownFiles(bucket: R2Bucket): ShownFiles {
  const files = new Map<string, AnswerFile>();
  async function readText(path: string): Promise<string> {
    const object = await bucket.get(path);
    if (object === null) throw missing(path);
    const bytes = new Uint8Array(await object.arrayBuffer());
    files.set(path, POINTERS.includes(path) ? { path, bytes } : { path });
    return utf8Decode(bytes, "unavailable");
  }
  return {
    files,
    add: (path) => void files.set(path, { path }),
    has: async (path) => (await bucket.head(path)) !== null,
    readText,
    async readJson(path, schema) {
      const maxBytes = TRUST_LIMITS.pluginDocumentBytes;
      const value = parseJson(await readText(path), { maxBytes, code: "unavailable" });
      const parsed = schema.safeParse(value);
      if (parsed.success) return parsed.data;
      throw new RbsmError("unavailable", `${path} is not readable`, {}, parsed.error);
    },
  };
}

/** What is listed is there: whoever reads in the very moment of a change finds it the next time. */
export function missing(path: string): RbsmError {
  return new RbsmError("unavailable", `${path} is not there at this moment`, {
    fix: "Send the same request again.",
  });
}
