import { CALL_LIMITS, type ErrorCode, type Json, parseJson, RbsmError } from "@rising-bsm/protocol";
import { jsonText, UnsendableValue } from "./json-text.ts";
import { parseInSlices } from "./parse-in-slices.ts";
import { isLong, writeInSlices } from "./write-in-slices.ts";

/** A shorter text is parsed in one go. */
const SHORT_CHARS = 16 * 1_024;

/**
 * JSON text of what crosses to a plugin, in the terms of the caller; a promise of it when the value
 * is long. Throws an RbsmError.
 */
export function payloadText(
  value: unknown,
  maxBytes: number,
  maxDepth: number = CALL_LIMITS.payloadDepth,
): string | Promise<string> {
  const limits = { maxBytes, maxDepth };
  if (isLong(value)) return writeInSlices(value, limits).then(withinBytes(maxBytes), inOurTerms);
  return shortText(value, limits);
}

/** As `payloadText`, at once however long it takes: for values of the host's own. */
export function shortText(
  value: unknown,
  {
    maxBytes,
    maxDepth = CALL_LIMITS.payloadDepth,
  }: { readonly maxBytes: number; readonly maxDepth?: number },
): string {
  try {
    return withinBytes(maxBytes)(jsonText(value, maxBytes, maxDepth));
  } catch (error) {
    return inOurTerms(error);
  }
}

/** The text counts UTF-16 units, the limit bytes. */
function withinBytes(maxBytes: number) {
  return (text: string): string => {
    if (Buffer.byteLength(text) <= maxBytes) return text;
    throw new RbsmError("limit_payload", `The value is larger than ${maxBytes} bytes of JSON`);
  };
}

function inOurTerms(error: unknown): never {
  if (error instanceof UnsendableValue) throw new RbsmError(error.code, error.message, {}, error);
  throw error;
}

/** Parses what a child sent; a promise of it when the text is long. Throws `limits.code`. */
export function parsePayload(
  text: string,
  limits: { readonly maxBytes: number; readonly maxDepth: number; readonly code: ErrorCode },
): Json | Promise<Json> {
  if (text.length <= SHORT_CHARS) return asJson(parseJson(text, limits));
  const { maxBytes, code } = limits;
  if (text.length > maxBytes || Buffer.byteLength(text) > maxBytes)
    throw new RbsmError(code, `The JSON is over ${maxBytes} bytes`);
  return parseInSlices(text, limits);
}

function asJson(value: unknown): Json {
  return isJson(value) ? value : null;
}

/** It came out of JSON.parse: it is nothing else. */
function isJson(value: unknown): value is Json {
  return value !== undefined;
}
