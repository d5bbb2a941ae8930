/** The baseline of the delivery benchmark: the least a Worker can do to return bytes from its cache. */
export default {
  async fetch(
    request: Request,
    env: { BUNDLES: { get(key: string): Promise<{ body: ReadableStream; size: number } | null> } },
    context: { waitUntil(work: Promise<unknown>): void },
  ) {
    const cache = caches.default;
    const known = await cache.match(request.url);
    if (known !== undefined) return known;
    const object = await env.BUNDLES.get(new URL(request.url).pathname.slice(1));
    if (object === null) return new Response(null, { status: 404 });
    const headers = {
      "Cache-Control": "public, max-age=31536000, immutable",
      "Content-Length": String(object.size),
    };
    const answer = new Response(object.body, { headers });
    context.waitUntil(cache.put(request.url, answer.clone()));
    return answer;
  },
};
