import { CALL_LIMITS, type Json, RbsmError } from "@rising-bsm/protocol";
import { z } from "zod";

/**
 * Bodies cross to the isolate as text where they are text: base64 in plain JavaScript would cost
 * the plugin most of its CPU budget.
 */
const requestSchema = z.object({
  method: z.string(),
  url: z.string(),
  headers: z.array(z.tuple([z.string(), z.string()])).readonly(),
  body: z.string().nullable(),
});

const responseSchema = z.object({
  status: z.number().int().min(200).max(599),
  headers: z.array(z.tuple([z.string(), z.string()])),
  text: z.string().optional(),
  base64: z.string().optional(),
});

/** The argument of a "request" call as the isolate takes it. */
export function requestArgument(message: Json | undefined): Json {
  const parsed = requestSchema.safeParse(message);
  if (!parsed.success)
    throw new RbsmError(
      "request_invalid",
      "The argument of a request call is not a RequestMessage",
    );
  const { method, url, headers, body } = parsed.data;
  const head = { method, url, headers: headers.map(([name, value]) => [name, value]) };
  if (body === null || body === "") return head;
  const bytes = withinPayload(Buffer.from(body, "base64"));
  const text = textOf(bytes);
  return text === undefined ? { ...head, base64: body } : { ...head, text };
}

function textOf(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** The result of a "request" call as the interface promises it. */
export function responseMessage(result: Json): Json {
  const parsed = responseSchema.safeParse(result);
  if (!parsed.success)
    throw new RbsmError("plugin_rejected_value", "The plugin's response is not valid");
  const { status, headers, text, base64 } = parsed.data;
  if (text === undefined) return { status, headers, body: base64 ?? null };
  return { status, headers, body: withinPayload(Buffer.from(text)).toString("base64") };
}

/** The body is what counts: how it is written as JSON is our own affair. */
function withinPayload(body: Buffer): Buffer {
  const { payloadBytes } = CALL_LIMITS;
  if (body.length <= payloadBytes) return body;
  throw new RbsmError("limit_payload", `The body is larger than ${payloadBytes} bytes`);
}
