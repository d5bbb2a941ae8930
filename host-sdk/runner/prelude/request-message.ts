import { codedError } from "./errors.ts";
import { sendableText } from "./host-calls.ts";
import { limits } from "./port.ts";
import { fromBase64, toBase64 } from "./web/base64.ts";
import type { AbortSignal } from "./web/abort.ts";
import { gather, takeContent } from "./web/body.ts";
import { Headers } from "./web/headers.ts";
import { Request } from "./web/request.ts";
import { Response } from "./web/response.ts";

/**
 * A Request from what crossed: a body is text or, where it is not UTF-8, base64. Its signal is
 * aborted when nobody waits for the answer any more.
 */
export function requestFrom(message: unknown, signal: AbortSignal): Request {
  const { method, url, headers, text, base64 } = Object(message);
  const body = typeof base64 === "string" ? fromBase64(base64) : text;
  const request = new Request(url, { method, body });
  // A body of text implies a content type; only the header that was sent counts.
  return new Request(request, { headers: new Headers(headers), signal });
}

/**
 * What `handleRequest` returned, as JSON text: a Response as it is, undefined as 204, any other
 * value as a JSON response. The host counts the bytes of the body.
 */
export async function responseText(value: unknown): Promise<string> {
  if (value === undefined) return messageText({ status: 204, headers: [] });
  if (value instanceof Response) {
    const content = await gather(takeContent(value));
    const headers = [...value.headers];
    // They count like a body of their own.
    sendableText(headers);
    return messageText({
      status: value.status,
      headers,
      ...(typeof content === "string" ? { text: content.toWellFormed() } : {}),
      ...(content instanceof Uint8Array ? { base64: toBase64(withinPayload(content)) } : {}),
    });
  }
  return messageText({
    status: 200,
    headers: [["content-type", "application/json"]],
    text: sendableText(value),
  });
}

function withinPayload(content: Uint8Array): Uint8Array {
  if (content.length <= limits.payloadBytes) return content;
  throw codedError("limit_payload", `The body is larger than ${limits.payloadBytes} bytes`);
}

function messageText(message: unknown): string {
  return sendableText(message, undefined, limits.messageBytes);
}
