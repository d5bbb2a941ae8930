import { randomBytes } from "node:crypto";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import {
  isAnswerPath,
  OFFLINE_ANSWER_PATH,
  OFFLINE_LIMITS,
  parseOfflineRequest,
  RbsmError,
  readTar,
  verifyOfflineRequest,
} from "@rising-bsm/protocol";
import type { Cli } from "../command.ts";
import { resolveTarget } from "../marketplace/credentials.ts";
import { requestFile } from "../marketplace/request.ts";
import { readUserFile } from "../read-file.ts";
import type { Report } from "../report.ts";
import { unwritable } from "../write-file.ts";

/** What `license answer` may be told. */
export interface AnswerOptions {
  readonly url?: string;
  readonly out: string;
}

/** Sends a request file to the marketplace and keeps the archive that it answers. */
export async function answer(cli: Cli, file: string, options: AnswerOptions): Promise<Report> {
  const limit = { maxBytes: OFFLINE_LIMITS.requestBytes, code: "license_file_invalid" } as const;
  const body = parseOfflineRequest(await readUserFile(resolve(cli.cwd, file), limit));
  const { plugin } = (await verifyOfflineRequest(body)).request;
  const { url } = await resolveTarget(cli, options.url);
  const connection = { url, token: null, signal: cli.signal };
  const out = resolve(cli.cwd, options.out);
  const archive = requestFile(connection, { path: "/v1/licenses/offline", body });
  const { files, bytes } = await save(archive, out);
  return {
    data: { plugin, url, file: out, files, bytes },
    text: `${out} answers the request for ${plugin}: ${files} files, ${bytes} bytes\ncarry it to the host: rising-bsm license import ${options.out} --data-dir DIR`,
  };
}

interface Saved {
  readonly files: number;
  readonly bytes: number;
}

/** The file appears under its name when it is whole. */
async function save(archive: AsyncIterable<Uint8Array>, out: string): Promise<Saved> {
  const temporary = join(dirname(out), `.${randomBytes(9).toString("hex")}.tmp`);
  try {
    await mkdir(dirname(out), { recursive: true });
    const saved = await write(archive, temporary);
    await rename(temporary, out);
    return saved;
  } catch (error) {
    await rm(temporary, { force: true });
    throw error instanceof RbsmError ? error : unwritable(out, error);
  }
}

async function write(archive: AsyncIterable<Uint8Array>, path: string): Promise<Saved> {
  const file = await open(path, "wx", 0o600);
  let bytes = 0;
  async function* keep(): AsyncGenerator<Uint8Array> {
    for await (const chunk of archive) {
      await file.write(chunk);
      bytes += chunk.length;
      yield chunk;
    }
  }
  try {
    let files = 0;
    for await (const { path: name } of readTar(keep())) {
      if (name !== OFFLINE_ANSWER_PATH && !isAnswerPath(name)) throw notAnAnswer(name);
      files += 1;
    }
    await file.sync();
    return { files, bytes };
  } finally {
    await file.close();
  }
}

function notAnAnswer(name: string): RbsmError {
  return new RbsmError("network_bad_answer", `The marketplace's answer holds ${name}`);
}
