import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, mkdir, open, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CLIENT_LIMITS, RbsmError } from "@rising-bsm/protocol";
import { diskError, moveDurably } from "../disk/durable-file.ts";
import { requireSuccess } from "./read-answer.ts";
import type { Incoming, Send } from "./send.ts";

/** A bundle whose digest and size a verified statement has announced, and the file it goes to. */
export interface WantedBundle {
  /**
   * Path below the marketplace's base, or what asks for a same-origin URL that is good for minutes:
   * again when the marketplace refuses the one before.
   */
  readonly path: string | (() => Promise<string>);
  readonly sha256: string;
  readonly size: number;
  readonly file: string;
  readonly onProgress?: ((done: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly backOffMs?: number | undefined;
}

const RETRYABLE = [
  "network_unreachable",
  "network_interrupted",
  "network_timeout",
  "unavailable",
  "limit_rate",
];

/**
 * Downloads to `file`, resuming a partial file of an earlier try, under another link when the first
 * has ended. The file appears under its name only with the announced length and SHA-256. When the network fails for good the partial file
 * stays for the next try; bytes that cannot be the bundle are removed at once.
 */
export async function downloadBundle(send: Send, wanted: WantedBundle): Promise<void> {
  await mkdir(dirname(wanted.file), { recursive: true, mode: 0o700 });
  const giveUpAt = performance.now() + CLIENT_LIMITS.downloadMs;
  const address = addressOf(wanted.path);
  let fruitless = 0;
  for (let before = await partialSize(wanted); ; before = await partialSize(wanted)) {
    try {
      await fetchRest(send, { ...wanted, address }, before);
      return await finish(wanted, before);
    } catch (error) {
      fruitless = (await partialSize(wanted)) > before ? 0 : fruitless + 1;
      const worthRetrying = address.isRenewable(error) || isPassing(error);
      if (!worthRetrying || fruitless >= CLIENT_LIMITS.attempts || performance.now() > giveUpAt)
        throw diskError(error);
      await pause((wanted.backOffMs ?? CLIENT_LIMITS.backOffMs) * 2 ** fruitless, wanted.signal);
    }
  }
}

function isPassing(error: unknown): boolean {
  return error instanceof RbsmError && RETRYABLE.includes(error.code);
}

/** Where to load from. */
interface Address {
  get(): Promise<string>;
  /** Whether this refusal is one of a link, so that `get()` asks for another. */
  isRenewable(error: unknown): boolean;
}

function addressOf(path: WantedBundle["path"]): Address {
  if (typeof path === "string") return { get: async () => path, isRenewable: () => false };
  let link: string | null = null;
  return {
    async get() {
      link ??= await path();
      return link;
    },
    isRenewable(error) {
      // Without a link it was asking for one that was refused: nothing would change that.
      if (link === null || !(error instanceof RbsmError)) return false;
      if (error.code !== "license_refused") return false;
      link = null;
      return true;
    },
  };
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(ms, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    throw new RbsmError("cancelled", undefined, {}, error);
  }
}

/** Where the bytes of an unfinished download wait. */
export function partialFileOf(file: string): string {
  return `${file}.part`;
}

async function partialSize(wanted: WantedBundle): Promise<number> {
  const size = (await stat(partialFileOf(wanted.file)).catch(() => ({ size: 0 }))).size;
  return size <= wanted.size ? size : 0;
}

async function fetchRest(
  send: Send,
  wanted: WantedBundle & { readonly address: Address },
  have: number,
): Promise<void> {
  if (have === wanted.size && have > 0) return;
  const answer = await send({
    method: "GET",
    path: await wanted.address.get(),
    signal: wanted.signal,
    totalMs: CLIENT_LIMITS.downloadMs,
    // If-Range makes a changed object start again from its first byte instead of mixing two.
    headers: have === 0 ? {} : { range: `bytes=${have}-`, "if-range": `"${wanted.sha256}"` },
  });
  if (answer.status === 416) return startAgain(answer, wanted);
  await requireSuccess(answer);
  const from = answer.status === 206 ? rangeStart(answer) : 0;
  if (from !== 0 && from !== have) {
    await answer.discard();
    throw new RbsmError("network_bad_answer", "The marketplace answered another range than asked", {
      url: answer.url,
    });
  }
  await refuseOtherLength(answer, wanted, from);
  await writeChunks(answer, wanted, from);
}

async function startAgain(answer: Incoming, wanted: WantedBundle): Promise<void> {
  await answer.discard();
  await rm(partialFileOf(wanted.file), { force: true });
  throw new RbsmError("network_interrupted", "The download has to start again", {
    url: answer.url,
  });
}

function rangeStart(answer: Incoming): number {
  return Number(/^bytes (\d+)-/.exec(answer.headers.get("content-range") ?? "")?.[1] ?? -1);
}

async function refuseOtherLength(
  answer: Incoming,
  wanted: WantedBundle,
  from: number,
): Promise<void> {
  const announced = answer.headers.get("content-length");
  if (announced === null || Number(announced) + from === wanted.size) return;
  await answer.discard();
  throw await notTheBundle(
    wanted,
    `it has ${Number(announced) + from} bytes instead of ${wanted.size}`,
  );
}

async function notTheBundle(wanted: WantedBundle, what: string): Promise<RbsmError> {
  await rm(partialFileOf(wanted.file), { force: true });
  return new RbsmError(
    "bundle_digest_mismatch",
    `The download is not the announced bundle: ${what}`,
    {
      sha256: wanted.sha256,
      fix: "Nothing was installed. Try again; if it stays, tell the marketplace: its storage or a proxy alters bundles.",
    },
  );
}

async function writeChunks(answer: Incoming, wanted: WantedBundle, from: number): Promise<void> {
  const file = await open(partialFileOf(wanted.file), from === 0 ? "w" : "r+", 0o600);
  try {
    const done = await append(answer, { file, wanted, from });
    await file.sync();
    if (done < wanted.size)
      throw new RbsmError("network_interrupted", undefined, { url: answer.url });
  } finally {
    await file.close();
  }
}

async function append(
  answer: Incoming,
  { file, wanted, from }: { file: FileHandle; wanted: WantedBundle; from: number },
): Promise<number> {
  let position = from;
  for await (const chunk of answer.chunks) {
    if (position + chunk.byteLength > wanted.size) {
      throw await notTheBundle(wanted, `it is longer than ${wanted.size} bytes`);
    }
    await file.write(chunk, 0, chunk.byteLength, position);
    position += chunk.byteLength;
    wanted.onProgress?.(position);
  }
  return position;
}

async function finish(wanted: WantedBundle, resumedFrom: number): Promise<void> {
  const partial = partialFileOf(wanted.file);
  if ((await fileSha256(partial)) === wanted.sha256) return moveDurably(partial, wanted.file);
  const refusal = await notTheBundle(wanted, "its SHA-256 differs");
  // The first part may come from an earlier, broken try: only a download in one piece proves a wrong object.
  if (resumedFrom === 0) throw refusal;
  throw new RbsmError(
    "network_interrupted",
    "The resumed download did not fit together",
    {},
    refusal,
  );
}

/** Lower-case hex SHA-256 of a file, read as a stream. */
export async function fileSha256(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest("hex");
}
