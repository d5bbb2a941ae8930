import { mkdir, open } from "node:fs/promises";
import { dirname, join } from "node:path";
import {
  concatBytes,
  isAnswerPath,
  OFFLINE_ANSWER_PATH,
  OFFLINE_LIMITS,
  type OfflineAnswer,
  parseOfflineAnswer,
  RbsmError,
  readTar,
  type TarFile,
} from "@rising-bsm/protocol";
import { diskError } from "../disk/durable-file.ts";

/** An answer whose files lie in a folder. */
export interface UnpackedAnswer {
  readonly answer: OfflineAnswer;
  /** Of the files in the folder, relative to it. */
  readonly paths: ReadonlySet<string>;
}

/**
 * Writes an answer's files below `folder`, which is empty, and reads it to its end. Throws
 * `license_file_invalid` for an archive that is none, is cut off or holds something else.
 */
export async function unpackAnswer(
  archive: AsyncIterable<Uint8Array>,
  folder: string,
): Promise<UnpackedAnswer> {
  const paths = new Set<string>();
  let answer: OfflineAnswer | null = null;
  for await (const file of readTar(archive)) {
    if (answer === null) answer = await readFirst(file);
    else if (isAnswerPath(file.path)) await write(join(folder, ...file.path.split("/")), file);
    else throw notAnAnswer(`it holds ${file.path}`);
    paths.add(file.path);
  }
  if (answer === null) throw notAnAnswer("it is empty");
  return { answer, paths };
}

async function readFirst({ path, size, chunks }: TarFile): Promise<OfflineAnswer> {
  if (path !== OFFLINE_ANSWER_PATH || size > OFFLINE_LIMITS.requestBytes) {
    throw notAnAnswer(`it begins with ${path}`);
  }
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return parseOfflineAnswer(concatBytes(...parts));
}

async function write(path: string, { chunks }: TarFile): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    // Names that differ in case alone are one file on some systems: it must not be written twice.
    const file = await open(path, "wx", 0o600);
    try {
      for await (const chunk of chunks) await file.write(chunk);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (isTaken(error)) {
      throw notAnAnswer("two of its files have one name here");
    }
    throw diskError(error);
  }
}

/** By a file; or a file is where a folder of the path would be. */
function isTaken(error: unknown): boolean {
  return error instanceof Error && "code" in error && TAKEN.includes(error.code);
}

const TAKEN: readonly unknown[] = ["EEXIST", "ENOTDIR"];

function notAnAnswer(what: string): RbsmError {
  return new RbsmError("license_file_invalid", `The file is not a license answer: ${what}`, {
    fix: "Name the file that `rising-bsm license answer` or the marketplace's page has written.",
  });
}
