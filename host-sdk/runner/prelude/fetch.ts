import { hostCall } from "./host-calls.ts";
import { fromBase64, toBase64 } from "./web/base64.ts";
import { gather, takeContent } from "./web/body.ts";
import { Request, type RequestInit } from "./web/request.ts";
import { Response, setFacts } from "./web/response.ts";
import { encodeUtf8 } from "./web/utf8.ts";

/**
 * The global fetch is the host call "fetch": the isolate has no network. It sends
 * `{method, url, headers, body}` and gets `{status, statusText?, headers, body, url?}`, bodies in
 * base64 or null.
 */
export async function fetch(input: unknown, init: RequestInit = {}): Promise<Response> {
  const request = new Request(input, init);
  request.signal.throwIfAborted();
  const body = await gather(takeContent(request));
  const answer = hostCall("fetch", [
    {
      method: request.method,
      url: request.url,
      headers: [...request.headers],
      redirect: request.redirect,
      body: encoded(body),
    },
  ]);
  const {
    status,
    statusText,
    headers,
    body: bytes,
    url,
  } = Object(await orAborted(answer, request));
  const response = new Response(bytes === null ? null : fromBase64(bytes), {
    status,
    statusText: statusText ?? "",
    headers,
  });
  const [asked] = request.url.split("#");
  const last = url ?? asked;
  setFacts(response, { type: "basic", url: last, redirected: last !== asked });
  return response;
}

function encoded(body: string | Uint8Array | null): string | null {
  if (body === null) return null;
  return toBase64(typeof body === "string" ? encodeUtf8(body) : body);
}

function orAborted(answer: Promise<unknown>, { signal }: Request): Promise<unknown> {
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    answer.then(resolve, reject);
  });
}
