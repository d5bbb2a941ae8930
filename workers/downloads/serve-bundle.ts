import type { AppContext } from "../http.ts";
import { decideDelivery } from "./decide-delivery.ts";
import { rangeRefused, wholeObject } from "./serve-object.ts";

/** Where a bundle lies, and the address of its copy in the Worker's cache. */
export interface BundlePlace {
  readonly bucket: R2Bucket;
  readonly key: string;
  /** Without a query: neither a link nor made-up parameters may become part of it. */
  readonly cacheKey: string;
}

/**
 * Serves a bundle from the Worker's cache, or from its bucket with one read that fills the cache,
 * whatever part of it was asked for. Null when there is none.
 */
export async function serveBundle(c: AppContext, place: BundlePlace): Promise<Response | null> {
  return (await serveCached(c, place.cacheKey)) ?? serveStored(c, place);
}

/** Serves the copy in the Worker's cache; null when there is none. */
export async function serveCached(c: AppContext, cacheKey: string): Promise<Response | null> {
  const known = await caches.default.match(cacheKey);
  return known === undefined ? null : deliver(c.req.raw, known);
}

/** Serves from the bucket and keeps a copy. */
export async function serveStored(
  c: AppContext,
  { bucket, key, cacheKey }: BundlePlace,
): Promise<Response | null> {
  const object = await bucket.get(key);
  if (object === null) return null;
  const whole = wholeObject(object);
  c.executionCtx.waitUntil(caches.default.put(cacheKey, whole.clone()));
  return deliver(c.req.raw, whole);
}

/** What of the bundle this request asks for. */
function deliver(request: Request, whole: Response): Response {
  const headers = new Headers(whole.headers);
  // How long the copy has lain here says nothing to whoever gets it now.
  for (const name of ["Age", "CF-Cache-Status"]) headers.delete(name);
  const size = Number(headers.get("Content-Length"));
  const delivery = decideDelivery(request, { etag: headers.get("ETag") ?? "", size });
  const { status } = delivery;
  if (status === 200 && request.method !== "HEAD") return new Response(whole.body, { headers });
  if (status === 206) {
    const { offset, length } = delivery;
    headers.set("Content-Range", `bytes ${offset}-${offset + length - 1}/${size}`);
    headers.set("Content-Length", String(length));
    return new Response(partOf(whole, delivery), { status, headers });
  }
  // Where the copy is being filled, that goes on with its own branch.
  void whole.body?.cancel();
  if (status === 416) throw rangeRefused(size);
  if (status === 304) {
    for (const name of ["Content-Type", "Content-Length", "Repr-Digest"]) headers.delete(name);
  }
  return new Response(null, { status, headers });
}

interface Part {
  readonly offset: number;
  readonly length: number;
}

function partOf({ body }: Response, { offset, length }: Part): ReadableStream | null {
  let skipped = 0;
  let sent = 0;
  const cut = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      const from = Math.min(chunk.byteLength, offset - skipped);
      skipped += from;
      const part = chunk.subarray(from, from + length - sent);
      sent += part.byteLength;
      if (part.byteLength > 0) controller.enqueue(part);
      if (sent === length) controller.terminate();
    },
  });
  // Only a stream of fixed length is sent under a Content-Length.
  return body?.pipeThrough(cut).pipeThrough(new FixedLengthStream(length)) ?? null;
}
