import { createHash } from "node:crypto";
import { constants, createReadStream } from "node:fs";
import { copyFile, type FileHandle, open, rm, stat } from "node:fs/promises";
import { RbsmError } from "@rising-bsm/protocol";
import { moveDurably } from "../disk/durable-file.ts";
import { firstByteOf } from "./range-answer.ts";
import { requireSuccess } from "./read-answer.ts";
import type { Incoming, Send } from "./send.ts";

/** A place that may have a bundle, and the file of its own that its bytes go to. */
export interface Place {
  readonly send: Send;
  /** The bundle's path there, or a URL of the same origin. */
  readonly address: () => Promise<string>;
  readonly part: string;
  /** What it made of a part of others was not the bundle, so it goes on with its own bytes alone. */
  isAlone: boolean;
}

/** What is loaded, and what bounds it. */
export interface Loading {
  readonly sha256: string;
  readonly size: number;
  readonly file: string;
  /** The parts of all places; each is only read by the others. */
  readonly parts: readonly string[];
  readonly onProgress?: ((done: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly now: () => number;
  /** By the same clock. */
  readonly giveUpAt: number;
  /** Whether another place may be asked in place of one that is too slow. */
  readonly hasOthers: boolean;
}

/** The beginning of the bundle, as far as somebody has sent it. */
interface Part {
  readonly file: string;
  readonly size: number;
}

/**
 * Goes on where this place or another has stopped. What does not fit is loaded again as a whole from
 * the same place: only a download in one piece proves whose bytes were wrong.
 */
export async function loadFrom(place: Place, loading: Loading): Promise<void> {
  const nothing = { file: place.part, size: 0 };
  for (let have = await longestPart(place, loading); ; have = nothing) {
    const from = await fetchRest(place, loading, have);
    if (from !== null && (await finish(place, loading, from))) return;
  }
}

async function longestPart(place: Place, { parts, size: whole }: Loading): Promise<Part> {
  let longest = { file: place.part, size: await partSize(place.part, whole) };
  // Its own bytes are not given up for others', which may be wrong.
  const others = place.isAlone || longest.size > 0 ? [] : parts;
  for (const file of others) {
    const size = await partSize(file, whole);
    if (size > longest.size) longest = { file, size };
  }
  return longest;
}

/** Bytes of a part; 0 for what is too long to be one. */
export async function partSize(file: string, whole: number): Promise<number> {
  const size = (await stat(file).catch(() => ({ size: 0 }))).size;
  return size <= whole ? size : 0;
}

/** The first byte that was loaded, behind those that were there. Null when they cannot be continued here. */
async function fetchRest(place: Place, loading: Loading, have: Part): Promise<number | null> {
  if (have.size === loading.size && have.size > 0) return continued(place, have);
  const answer = await place.send({
    method: "GET",
    path: await place.address(),
    signal: loading.signal,
    totalMs: Math.max(1, loading.giveUpAt - loading.now()),
    headers: rangeOf(have, loading),
  });
  try {
    return await takeAnswer(answer, { place, loading, have });
  } finally {
    await answer.discard();
  }
}

/** If-Range makes a changed object start again from its first byte instead of mixing two. */
function rangeOf({ size }: Part, { sha256 }: Loading): Record<string, string> {
  return size === 0 ? {} : { range: `bytes=${size}-`, "if-range": `"${sha256}"` };
}

interface Taking {
  readonly place: Place;
  readonly loading: Loading;
  readonly have: Part;
}

async function takeAnswer(
  answer: Incoming,
  { place, loading, have }: Taking,
): Promise<number | null> {
  if (answer.status !== 416 || have.size === 0) await requireSuccess(answer);
  const from = firstByteOf(answer, { from: have.size, size: loading.size });
  if (from === null) {
    if (have.size > 0) return null;
    throw new RbsmError("network_bad_answer", "The marketplace answered another range than asked", {
      url: answer.url,
    });
  }
  if (from === 0) refuseOtherLength(answer, loading);
  else await continued(place, have);
  await writeChunks(answer, { place, loading, from });
  return from;
}

/** Others' bytes are copied first: nobody writes to another's part. */
async function continued({ part }: Place, { file, size }: Part): Promise<number> {
  if (file !== part) await copyFile(file, part, constants.COPYFILE_FICLONE);
  return size;
}

function refuseOtherLength({ headers }: Incoming, { sha256, size }: Loading): void {
  const announced = headers.get("content-length");
  // Of a compressed body it is another length than that of the bytes that are read.
  if (announced === null || headers.has("content-encoding") || Number(announced) === size) return;
  throw notTheBundle(sha256, `it has ${announced} bytes instead of ${size}`);
}

function notTheBundle(sha256: string, what: string): RbsmError {
  return new RbsmError(
    "bundle_digest_mismatch",
    `The download is not the announced bundle: ${what}`,
    {
      sha256,
      fix: "Nothing was installed. Try again; if it stays, tell the marketplace: its storage or a proxy alters bundles.",
    },
  );
}

interface Writing {
  readonly place: Place;
  readonly loading: Loading;
  readonly from: number;
}

async function writeChunks(answer: Incoming, writing: Writing): Promise<void> {
  const { place, loading, from } = writing;
  const file = await open(place.part, from === 0 ? "w" : "r+", 0o600);
  try {
    const done = await append(answer, file, writing);
    await file.sync();
    if (done < loading.size) {
      throw new RbsmError("network_interrupted", undefined, { url: answer.url });
    }
  } finally {
    await file.close();
  }
}

async function append(
  answer: Incoming,
  file: FileHandle,
  { place, loading, from }: Writing,
): Promise<number> {
  const begun = loading.now();
  let position = from;
  for await (const chunk of answer.chunks) {
    if (position + chunk.byteLength > loading.size) {
      await rm(place.part, { force: true });
      throw notTheBundle(loading.sha256, `it is longer than ${loading.size} bytes`);
    }
    await file.write(chunk, 0, chunk.byteLength, position);
    position += chunk.byteLength;
    loading.onProgress?.(position);
    const now = loading.now();
    const pace = { done: position - from, rest: loading.size - position };
    const times = { spentMs: now - begun, leftMs: loading.giveUpAt - now };
    if (loading.hasOthers && isTooSlow({ ...pace, ...times })) {
      throw new RbsmError("network_timeout", "It sends too slowly", { url: answer.url });
    }
  }
  return position;
}

/** How long a place is watched before its speed is judged. */
const PATIENCE_MS = 30_000;

/** What a place has sent since `spentMs`, what it has still to send, and how long is left for that. */
export interface Pace {
  readonly done: number;
  readonly rest: number;
  readonly spentMs: number;
  readonly leftMs: number;
}

/** Whether a place that goes on like this would not be done in time. */
export function isTooSlow({ done, rest, spentMs, leftMs }: Pace): boolean {
  return spentMs >= PATIENCE_MS && rest * spentMs > done * leftMs;
}

/** False when the bytes are wrong and a part of them may be of another place. */
async function finish(place: Place, loading: Loading, from: number): Promise<boolean> {
  if ((await fileSha256(place.part)) === loading.sha256) {
    await moveDurably(place.part, loading.file);
    return true;
  }
  await rm(place.part, { force: true });
  if (from === 0 || place.isAlone) throw notTheBundle(loading.sha256, "its SHA-256 differs");
  place.isAlone = true;
  return false;
}

async function fileSha256(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest("hex");
}
