import { RbsmError, base64, fromHex } from "@rising-bsm/protocol";
import { CACHE } from "../http.ts";
import { storedSha256 } from "../objects.ts";
import { decideDelivery, isPlainGet } from "./decide-delivery.ts";
import type { Delivery } from "./decide-delivery.ts";

/**
 * Serves one R2 object with correct HEAD, ranges and conditions; null when there is none. The entity
 * tag is the SHA-256, because R2's own is an MD5. A plain GET costs one R2 operation.
 */
export async function serveObject(
  bucket: R2Bucket,
  key: string,
  request: Request,
): Promise<Response | null> {
  if (isPlainGet(request)) {
    const whole = await bucket.get(key);
    return whole === null ? null : wholeObject(whole);
  }
  const object = await bucket.head(key);
  if (object === null) return null;
  const delivery = decideDelivery(request, { etag: entityTag(object), size: object.size });
  if (delivery.status === 416) throw rangeRefused(object.size);
  if (request.method === "HEAD" || delivery.status === 304) return answer(object, delivery, null);
  const read = await bucket.get(key, delivery.status === 206 ? { range: delivery } : {});
  return read === null ? null : answer(read, delivery, read.body);
}

/** Answers all of the object. */
export function wholeObject(object: R2ObjectBody): Response {
  return answer(object, { status: 200 }, object.body);
}

/** A refusal like any other: the object may be kept for ever, this answer must not. */
export function rangeRefused(size: number): RbsmError {
  return new RbsmError("request_range", undefined, {
    headers: { "Content-Range": `bytes */${size}`, "Accept-Ranges": "bytes" },
  });
}

type Served = Exclude<Delivery, { readonly status: 416 }>;

function answer(object: R2Object, delivery: Served, body: ReadableStream | null): Response {
  const headers = new Headers({
    ETag: entityTag(object),
    "Cache-Control": object.httpMetadata?.cacheControl ?? CACHE.none,
    "Accept-Ranges": "bytes",
    "X-Content-Type-Options": "nosniff",
    // Bytes for everybody: pages of other sites may read them, and check them.
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Content-Range, ETag, Repr-Digest",
  });
  if (delivery.status !== 304) describeBody(headers, object, delivery);
  return new Response(body, { status: delivery.status, headers });
}

function describeBody(headers: Headers, object: R2Object, delivery: Served): void {
  headers.set("Content-Type", object.httpMetadata?.contentType ?? "application/octet-stream");
  headers.set("Repr-Digest", `sha-256=:${base64(fromHex(storedSha256(object)))}:`);
  if (delivery.status === 206) {
    const { offset, length } = delivery;
    headers.set("Content-Range", `bytes ${offset}-${offset + length - 1}/${object.size}`);
    headers.set("Content-Length", String(length));
  } else {
    headers.set("Content-Length", String(object.size));
  }
}

function entityTag(object: R2Object): string {
  return `"${storedSha256(object)}"`;
}
