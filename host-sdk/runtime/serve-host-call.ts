import { CALL_LIMITS, type Json, parseJson, RbsmError } from "@rising-bsm/protocol";
import type { Child } from "./child-pool.ts";
import type { Frame } from "./frames.ts";
import { ARGUMENTS_DEPTH, jsonText, UnsendableValue } from "./json-text.ts";
import type { RuntimeHost } from "./plugin-runtime.ts";

/** Base64 of the largest answer of a fetch, with room for its headers. */
const FETCH_BYTES = Math.ceil((CALL_LIMITS.fetchResponseBytes * 4) / 3) + 64 * 1_024;

/** Asks the host what a plugin asked, and sends the answer or the refusal back. */
export async function serveHostCall(host: RuntimeHost, child: Child, frame: Frame): Promise<void> {
  const answer = await askHost(host, child, frame).catch((error: unknown) =>
    refusal(host, frame, error),
  );
  child.process.send({
    ...answer,
    id: frame.id,
    head: { plugin: frame.head["plugin"], hostId: frame.head["hostId"] },
  });
}

type HostAnswer = Pick<Frame, "type" | "body">;

async function askHost(host: RuntimeHost, child: Child, frame: Frame): Promise<HostAnswer> {
  const call = child.calls.get(frame.id);
  const plugin = child.plugins.get(Number(frame.head["plugin"]));
  if (call === undefined || plugin === undefined)
    throw new RbsmError("cancelled", "The call is over");
  const method = String(frame.head["method"]);
  const args = parseArguments(frame.body);
  const result = await host.onHostCall(plugin.spec.id, call.context, {
    method,
    args,
    signal: call.signal,
  });
  const maxBytes = method === "fetch" ? FETCH_BYTES : CALL_LIMITS.payloadBytes;
  return { type: "hostResult", body: payloadText(result, maxBytes) };
}

function parseArguments(text: string): Json[] {
  const args = parseJson(text, {
    maxBytes: CALL_LIMITS.payloadBytes,
    maxDepth: ARGUMENTS_DEPTH,
    code: "limit_payload",
  });
  if (!isJsonArray(args))
    throw new RbsmError("plugin_rejected_value", "The arguments are not a list");
  return args;
}

/** It came out of JSON.parse: there is nothing but JSON in it. */
function isJsonArray(value: unknown): value is Json[] {
  return Array.isArray(value);
}

/** JSON text of what crosses to a plugin, in the terms of the caller. Throws an RbsmError. */
export function payloadText(value: unknown, maxBytes: number, maxDepth?: number): string {
  try {
    const text = jsonText(value, maxBytes, maxDepth);
    if (Buffer.byteLength(text) <= maxBytes) return text;
  } catch (error) {
    if (error instanceof UnsendableValue) throw new RbsmError(error.code, error.message, {}, error);
    throw error;
  }
  throw new RbsmError("limit_payload", `The value is larger than ${maxBytes} bytes of JSON`);
}

function refusal(host: RuntimeHost, frame: Frame, error: unknown): HostAnswer {
  if (error instanceof RbsmError) {
    return {
      type: "hostRefusal",
      body: JSON.stringify({ code: error.code, message: error.message }),
    };
  }
  const method = String(frame.head["method"]);
  host.logger.warn("A host call failed", { method, error });
  return {
    type: "hostRefusal",
    body: JSON.stringify({ code: "internal", message: `The host could not serve ${method}` }),
  };
}
