import { RbsmError, hex, sha256 } from "@rising-bsm/protocol";
import { CACHE } from "./http.ts";

/** Media type and caching travel with the object, so that a bucket's own domain serves them too. */
export interface ObjectHeaders {
  readonly contentType: string;
  readonly cacheControl: string;
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

/** Replaces an object that is a copy of something else: who writes last may be anybody. */
export async function putReplacing(bucket: R2Bucket, object: NewObject): Promise<void> {
  await put(bucket, object, { digest: await sha256(object.bytes) });
}

/** A JSON document of the static plane. */
export function jsonObject(
  key: string,
  bytes: Uint8Array<ArrayBuffer>,
  cache: "immutable" | "pointer",
): NewObject {
  return { key, bytes, headers: { contentType: "application/json", cacheControl: CACHE[cache] } };
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
