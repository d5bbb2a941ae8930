import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, mkdir, open, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { CLIENT_LIMITS, RbsmError } from "@rising-bsm/protocol";
import { diskError, moveDurably } from "../disk/durable-file.ts";
import { pause, pauseAfter } from "./back-off.ts";
import { firstByteOf } from "./range-answer.ts";
import { requireSuccess } from "./read-answer.ts";
import type { Incoming, Send } from "./send.ts";

/** A bundle whose digest and size a verified statement has announced, and the file it goes to. */
export interface WantedBundle {
  /**
   * Path below the marketplace's base, or what asks for a same-origin URL that is good for minutes:
   * again when the marketplace refuses the one before.
   */
  readonly path: string | (() => Promise<string>);
  /** Asked in this order when the marketplace cannot give it; what needs a link is the marketplace's alone. */
  readonly mirrors?: readonly Send[] | undefined;
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
 * has ended, and from the next place when one fails: bytes are verified, so any place serves. The file
 * appears under its name only with the announced length and SHA-256. When the network fails for good
 * the partial file stays for the next try; bytes that cannot be the bundle are removed at once.
 */
export async function downloadBundle(send: Send, wanted: WantedBundle): Promise<void> {
  await mkdir(dirname(wanted.file), { recursive: true, mode: 0o700 });
  const giveUpAt = performance.now() + CLIENT_LIMITS.downloadMs;
  const sources = sourcesOf(send, wanted);
  for (let failures = 0; ;) {
    const before = await partialSize(wanted);
    const refused = await tryEach(sources, wanted);
    if (refused === null) return;
    const { error, isPassing } = refused;
    failures = (await partialSize(wanted)) > before ? 0 : failures + 1;
    const wait = pauseAfter({ error, failures, baseMs: wanted.backOffMs });
    if (!isPassing || wait === null || performance.now() > giveUpAt) throw diskError(error);
    await pause(wait, wanted.signal);
  }
}

/** A place that has the bundle. */
interface Source {
  readonly send: Send;
  readonly address: Address;
}

function sourcesOf(send: Send, { path, mirrors = [] }: WantedBundle): Source[] {
  const source = (of: Send) => ({ send: of, address: addressOf(path) });
  return [source(send), ...(typeof path === "string" ? mirrors.map(source) : [])];
}

/** Null when one of them had it; else what the first one said, and whether any may have it later. */
async function tryEach(
  sources: readonly Source[],
  wanted: WantedBundle,
): Promise<{ readonly error: unknown; readonly isPassing: boolean } | null> {
  const refusals: { error: unknown; isPassing: boolean }[] = [];
  for (const source of sources) {
    try {
      await loadFrom(source, wanted);
      return null;
    } catch (error) {
      if (!isOfSource(error)) throw diskError(error);
      refusals.push({ error, isPassing: source.address.isRenewable(error) || isPassing(error) });
    }
  }
  return { error: refusals[0]?.error, isPassing: refusals.some((refusal) => refusal.isPassing) };
}

/** A full disk, an end that was asked for and a refused license are the same wherever it is loaded from. */
function isOfSource(error: unknown): boolean {
  return error instanceof RbsmError && error.code !== "cancelled";
}

/**
 * What does not fit what is here already is loaded again as a whole from the same place: only a
 * download in one piece proves whose bytes were wrong.
 */
async function loadFrom(source: Source, wanted: WantedBundle): Promise<void> {
  for (let from = await partialSize(wanted); ; from = 0) {
    const isLoaded = await fetchRest(source, wanted, from);
    if (isLoaded && (await finish(wanted, from))) return;
    await rm(partialFileOf(wanted.file), { force: true });
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

/** Where the bytes of an unfinished download wait. */
export function partialFileOf(file: string): string {
  return `${file}.part`;
}

async function partialSize(wanted: WantedBundle): Promise<number> {
  const size = (await stat(partialFileOf(wanted.file)).catch(() => ({ size: 0 }))).size;
  return size <= wanted.size ? size : 0;
}

/** False when a part cannot be continued here. */
async function fetchRest(
  { send, address }: Source,
  wanted: WantedBundle,
  have: number,
): Promise<boolean> {
  if (have === wanted.size && have > 0) return true;
  const answer = await send({
    method: "GET",
    path: await address.get(),
    signal: wanted.signal,
    totalMs: CLIENT_LIMITS.downloadMs,
    // If-Range makes a changed object start again from its first byte instead of mixing two.
    headers: have === 0 ? {} : { range: `bytes=${have}-`, "if-range": `"${wanted.sha256}"` },
  });
  if (answer.status !== 416 || have === 0) await requireSuccess(answer);
  const from = firstByteOf(answer, { from: have, size: wanted.size });
  if (from === null) {
    await answer.discard();
    if (have > 0) return false;
    throw new RbsmError("network_bad_answer", "The marketplace answered another range than asked", {
      url: answer.url,
    });
  }
  if (from === 0) await refuseOtherLength(answer, wanted);
  await writeChunks(answer, wanted, from);
  return true;
}

async function refuseOtherLength(answer: Incoming, wanted: WantedBundle): Promise<void> {
  const announced = answer.headers.get("content-length");
  if (announced === null || Number(announced) === wanted.size) return;
  await answer.discard();
  throw await notTheBundle(wanted, `it has ${announced} bytes instead of ${wanted.size}`);
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

/** False when the bytes are wrong and a part of them is from another try. */
async function finish(wanted: WantedBundle, resumedFrom: number): Promise<boolean> {
  const partial = partialFileOf(wanted.file);
  if ((await fileSha256(partial)) === wanted.sha256) {
    await moveDurably(partial, wanted.file);
    return true;
  }
  if (resumedFrom > 0) return false;
  throw await notTheBundle(wanted, "its SHA-256 differs");
}

/** Lower-case hex SHA-256 of a file, read as a stream. */
export async function fileSha256(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest("hex");
}
