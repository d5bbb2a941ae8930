import { RbsmError, type ErrorCode } from "./errors.ts";

/** Any JSON value. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const encoder = new TextEncoder();
// A byte order mark is kept, so that JSON with one is refused instead of read in two ways.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** UTF-8 bytes of a text. */
export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return cryptoBytes(encoder.encode(text));
}

/** Text of UTF-8 bytes. Throws `code` when the bytes are not UTF-8. */
export function utf8Decode(bytes: Uint8Array, code: ErrorCode = "request_invalid"): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new RbsmError(code, "The text is not valid UTF-8", {}, cause);
  }
}

/** One array holding all parts in order. */
export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Whether two byte arrays hold the same bytes. Not constant time. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** Lower-case hexadecimal. */
export function hex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0");
  return text;
}

/** Bytes of lower-case hexadecimal. Throws `signature_invalid` on anything else. */
export function fromHex(text: string): Uint8Array<ArrayBuffer> {
  if (!/^(?:[0-9a-f]{2})*$/.test(text)) throw badEncoding("lower-case hexadecimal");
  return Uint8Array.from({ length: text.length / 2 }, (_, i) =>
    Number.parseInt(text.slice(2 * i, 2 * i + 2), 16),
  );
}

/** Base64 with padding (RFC 4648 §4). */
export function base64(bytes: Uint8Array): string {
  let binary = "";
  for (let at = 0; at < bytes.length; at += 0x2000) {
    binary += String.fromCharCode(...bytes.subarray(at, at + 0x2000));
  }
  return btoa(binary);
}

/** Base64url without padding (RFC 4648 §5). */
export function base64url(bytes: Uint8Array): string {
  return base64(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/**
 * Bytes of canonical base64: padded, no white space, unused bits zero, so that one value has one
 * spelling. Throws `signature_invalid`.
 */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) throw badEncoding("base64");
  const bytes = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  if (base64(bytes) !== text) throw badEncoding("canonical base64");
  return bytes;
}

/** Bytes of canonical base64url without padding. Throws `signature_invalid`. */
export function fromBase64url(text: string): Uint8Array<ArrayBuffer> {
  if (text.length % 4 === 1 || !/^[A-Za-z0-9_-]*$/.test(text)) throw badEncoding("base64url");
  const padded = text + "=".repeat((4 - (text.length % 4)) % 4);
  return fromBase64(padded.replaceAll("-", "+").replaceAll("_", "/"));
}

function badEncoding(expected: string): RbsmError {
  return new RbsmError("signature_invalid", `The text is not ${expected}`);
}

/** SHA-256 of the bytes. */
export async function sha256(bytes: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", cryptoBytes(bytes)));
}

/** SHA-256 of the bytes in lower-case hexadecimal. */
export async function sha256Hex(bytes: Uint8Array): Promise<string> {
  return hex(await sha256(bytes));
}

/** The bytes as WebCrypto takes them: a view on shared memory is copied, any other is not. */
export function cryptoBytes(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return isUnshared(bytes) ? bytes : new Uint8Array(bytes);
}

function isUnshared(bytes: Uint8Array): bytes is Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer;
}

/** What `parseJson` accepts, and the code it throws otherwise. */
export interface JsonLimits {
  readonly maxBytes: number;
  /** Nesting of arrays and objects; 32 when absent. */
  readonly maxDepth?: number;
  /** Refuses an object that has a key twice: readers differ in which of the two they take. */
  readonly uniqueKeys?: boolean;
  readonly code: ErrorCode;
}

/**
 * Parses JSON from strangers: size and depth are checked before `JSON.parse` sees the text, and a
 * document with an own key `__proto__` is refused. Throws `limits.code`, never a SyntaxError.
 */
export function parseJson(input: Uint8Array | string, limits: JsonLimits): unknown {
  const { maxBytes, maxDepth = 32, uniqueKeys = false, code } = limits;
  const size = typeof input === "string" ? utf8(input).length : input.length;
  if (size > maxBytes) throw new RbsmError(code, `The JSON is over ${maxBytes} bytes`);
  const text = typeof input === "string" ? input : utf8Decode(input, code);
  if (isDeeperThan(text, maxDepth)) {
    throw new RbsmError(code, `The JSON is nested deeper than ${maxDepth} levels`);
  }
  try {
    if (uniqueKeys) refuseRepeatedKeys(text);
    const value: unknown = JSON.parse(text);
    // As a reviver of JSON.parse this takes ten times as long.
    if (/__proto__|\\u/.test(text)) refuseProto(value);
    return value;
  } catch (cause) {
    throw new RbsmError(code, `The text is not valid JSON (${String(cause)})`, {}, cause);
  }
}

function refuseProto(value: unknown): void {
  if (typeof value !== "object" || value === null) return;
  if (Object.hasOwn(value, "__proto__")) throw new SyntaxError("the key __proto__ is not allowed");
  for (const item of Object.values(value)) refuseProto(item);
}

/** In JSON a string is a key when a colon follows, and it belongs to the innermost open object. */
function refuseRepeatedKeys(text: string): void {
  const parents: Set<unknown>[] = [];
  let keys = new Set<unknown>();
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (char === OPEN_OBJECT) {
      parents.push(keys);
      keys = new Set();
    } else if (char === CLOSE_OBJECT) {
      keys = parents.pop() ?? new Set();
    } else if (char === QUOTE) {
      const start = at;
      at = endOfString(text, at);
      if (isBeforeColon(text, at)) addKey(keys, text.slice(start, at + 1));
    }
  }
}

function isBeforeColon(text: string, end: number): boolean {
  let at = end + 1;
  while (" \t\r\n".includes(text.charAt(at)) && at < text.length) at++;
  return text.charAt(at) === ":";
}

function addKey(keys: Set<unknown>, quoted: string): void {
  // Parsed, so that two spellings of one key are the same.
  const key: unknown = JSON.parse(quoted);
  if (keys.has(key)) throw new SyntaxError(`the key ${quoted} stands twice in one object`);
  keys.add(key);
}

const [QUOTE, BACKSLASH, OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [
  34, 92, 91, 93, 123, 125,
] as const;

function isDeeperThan(text: string, maxDepth: number): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (char === QUOTE) at = endOfString(text, at);
    else if (char === OPEN_ARRAY || char === OPEN_OBJECT) depth++;
    else if (char === CLOSE_ARRAY || char === CLOSE_OBJECT) depth--;
    if (depth > maxDepth) return true;
  }
  return false;
}

/** Index of the quote that closes the string opened at `start`, or the end of the text. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (char === BACKSLASH) at++;
    else if (char === QUOTE) return at;
  }
  return text.length;
}
