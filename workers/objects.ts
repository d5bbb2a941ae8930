import { RbsmError, hex, sha256, utf8 } from "@rising-bsm/protocol";
import { CACHE } from "./http.ts";

/** Media type and caching travel with the object, so that a bucket's own domain serves them too. */
export interface ObjectHeaders {
  readonly contentType: string;
  readonly cacheControl: string;
  readonly contentDisposition?: string;
}

interface NewObject {
  readonly key: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly headers: ObjectHeaders;
  readonly customMetadata?: Record<string, string>;
}

/**
 * Writes an object that never changes. The same bytes again are fine, also when an earlier write
 * stored them and then reported a failure; other bytes are `conflict_exists`.
 */
export async function putOnce(bucket: R2Bucket, object: NewObject): Promise<void> {
  const digest = await sha256(object.bytes);
  const created = await put(bucket, object, { digest, onlyIf: { etagDoesNotMatch: "*" } });
  if (created) return;
  const existing = await bucket.head(object.key);
  if (existing === null || storedSha256(existing) !== hex(digest)) {
    throw new RbsmError("conflict_exists", `"${object.key}" exists already with other bytes`);
  }
}

/** Replaces an object only while it is still the one with this R2 etag; null: while there is none. */
export async function putIfUnchanged(
  bucket: R2Bucket,
  object: NewObject,
  etag: string | null,
): Promise<boolean> {
  const digest = await sha256(object.bytes);
  const onlyIf = etag === null ? { etagDoesNotMatch: "*" } : { etagMatches: etag };
  return put(bucket, object, { digest, onlyIf });
}

/** An object that is replaced in place. One of a greater order is newer: a version, a size, a time. */
interface Pointer extends NewObject {
  readonly order: number;
}

const POINTER_ATTEMPTS = 8;
const BACK_OFF_MS = 250;
/** All tries together end before whoever holds the heads loses them. */
const MAX_BACK_OFF_MS = 1_000;

/**
 * Replaces an object in place, never a newer one by an older one, and only what was read before.
 * R2 takes one write a second to one key: the time of the last write, which all isolates see, says
 * how long to wait, and a refusal for writing too often is tried again later.
 */
export async function putPointer(
  bucket: R2Bucket,
  pointer: Pointer,
  intervalMs: number,
): Promise<void> {
  const object = { ...pointer, customMetadata: { order: String(pointer.order) } };
  const digest = await sha256(pointer.bytes);
  for (let attempt = 1; attempt <= POINTER_ATTEMPTS; attempt++) {
    const current = await bucket.head(pointer.key);
    if (current !== null && isAsNew(current, pointer.order, hex(digest))) return;
    await sleep(Math.min(intervalMs, (current?.uploaded.getTime() ?? 0) + intervalMs - Date.now()));
    const onlyIf = current === null ? { etagDoesNotMatch: "*" } : { etagMatches: current.etag };
    const written = await unlessTooOften(() => put(bucket, object, { digest, onlyIf }));
    if (written === true) return;
    if (written === "too often") {
      await sleep(Math.min(BACK_OFF_MS * 2 ** attempt, MAX_BACK_OFF_MS) * (0.5 + Math.random()));
    }
  }
  throw new RbsmError("unavailable", `"${pointer.key}" is being written by others`);
}

function isAsNew(current: R2Object, order: number, digest: string): boolean {
  const known = Number(current.customMetadata?.["order"] ?? -1);
  return known > order || (known === order && storedSha256(current) === digest);
}

/** R2's own refusal of a second write to one key within a second. */
const TOO_OFTEN = /\b10058\b|reduce your concurrent request rate/i;

/** What the write gives, unless R2 refuses it because the last one was a moment ago. */
export async function unlessTooOften<T>(write: () => Promise<T>): Promise<T | "too often"> {
  try {
    return await write();
  } catch (error) {
    if (TOO_OFTEN.test(String(error))) return "too often";
    throw error;
  }
}

/** Waits; not at all for a time that has passed. */
export function sleep(ms: number): Promise<void> {
  return ms <= 0 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, ms));
}

/** A JSON document of the static plane. */
export function jsonObject(
  key: string,
  bytes: Uint8Array<ArrayBuffer>,
  cache: "immutable" | "pointer",
): NewObject {
  return { key, bytes, headers: { contentType: "application/json", cacheControl: CACHE[cache] } };
}

/** A text of the static plane. */
export function textObject(key: string, text: string, cache: "immutable" | "pointer"): NewObject {
  const headers = { contentType: "text/plain; charset=utf-8", cacheControl: CACHE[cache] };
  return { key, bytes: utf8(text), headers };
}

/** Waits for all, then throws what the first one threw: nothing goes on behind a refusal. */
export async function allSettled(work: readonly Promise<unknown>[]): Promise<void> {
  for (const result of await Promise.allSettled(work)) {
    if (result.status === "rejected") throw result.reason;
  }
}

async function put(
  bucket: R2Bucket,
  { key, bytes, headers, customMetadata = {} }: NewObject,
  { digest, onlyIf = {} }: { digest: Uint8Array<ArrayBuffer>; onlyIf?: R2Conditional },
): Promise<boolean> {
  const stored = await bucket.put(key, bytes, {
    onlyIf,
    sha256: digest,
    httpMetadata: headers,
    customMetadata,
  });
  return stored !== null;
}

/** SHA-256 that R2 checked when the object was written. */
export function storedSha256(object: R2Object): string {
  const digest = object.checksums.sha256;
  if (digest === undefined) throw new RbsmError("internal", `"${object.key}" has no SHA-256`);
  return hex(new Uint8Array(digest));
}
