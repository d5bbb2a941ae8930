/** The baseline of the download benchmark: the least a Worker can do to return bytes from R2. */
export default {
  async fetch(
    request: Request,
    env: { BUNDLES: { get(key: string): Promise<{ body: ReadableStream } | null> } },
  ) {
    const object = await env.BUNDLES.get(new URL(request.url).pathname.slice(1));
    return object === null ? new Response(null, { status: 404 }) : new Response(object.body);
  },
};
