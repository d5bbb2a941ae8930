import { base64, fromBase64, HOST_HTTP_LIMITS, RbsmError } from "@rising-bsm/protocol";
import { z } from "zod";
import type { RequestMessage, ResponseMessage } from "../runtime/plugin-runtime.ts";
import { readBody } from "./read-body.ts";

const NO_BODY = [204, 205, 304];

const responseSchema = z.object({
  status: z.int().min(200).max(599),
  headers: z.array(z.tuple([z.string(), z.string()])).max(HOST_HTTP_LIMITS.responseHeaders),
  body: z.string().nullable(),
});

/** A Web Request as it crosses to a plugin. */
export async function toRequestMessage(
  request: Request,
  maxBytes: number,
): Promise<RequestMessage> {
  const body = request.body === null ? null : base64(await readBody(request, maxBytes));
  return { method: request.method, url: request.url, headers: [...request.headers], body };
}

/** What a plugin's `handleRequest` gave; `plugin_rejected_value` when it is no response. */
export function parseResponseMessage(value: unknown): ResponseMessage {
  const parsed = responseSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new RbsmError(
    "plugin_rejected_value",
    "The plugin answered with something that is no response",
  );
}

/** The Web Response of a message, with these headers instead of the plugin's own. */
export function toResponse({ status, body }: ResponseMessage, headers: Headers): Response {
  const bytes = body === null || NO_BODY.includes(status) ? null : fromBase64(body);
  return new Response(bytes, { status, headers });
}
