import { bytesOfText, errandOfBytes } from "../errands.ts";
import { DOMException } from "./dom-exception.ts";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const DIGITS = Uint8Array.from(ALPHABET, (char) => char.charCodeAt(0));
const PADDING = 61;
const PIECE = 8_192;
/** Above this the runner is faster. */
const SHORT = 512;
/** Value of each ASCII character. */
const VALUES = new Uint8Array(128);
DIGITS.forEach((code, value) => (VALUES[code] = value));

export function toBase64(bytes: Uint8Array): string {
  const long = bytes.length > SHORT ? errandOfBytes("toBase64", { bytes }) : null;
  return long?.join("") ?? encodeShort(bytes);
}

function encodeShort(bytes: Uint8Array): string {
  const codes = new Uint8Array(Math.ceil(bytes.length / 3) * 4);
  let written = 0;
  for (let at = 0; at < bytes.length; at += 3) {
    const group = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    codes[written] = DIGITS[group >> 18] ?? 0;
    codes[written + 1] = DIGITS[(group >> 12) & 63] ?? 0;
    codes[written + 2] = DIGITS[(group >> 6) & 63] ?? 0;
    codes[written + 3] = DIGITS[group & 63] ?? 0;
    written += 4;
  }
  const padding = (3 - (bytes.length % 3)) % 3;
  codes.fill(PADDING, codes.length - padding);
  return fromLatin1(codes);
}

/** Text in pieces: a string that grows by single characters takes many times its size. */
export function fromLatin1(codes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < codes.length; at += PIECE)
    text += Reflect.apply(String.fromCharCode, undefined, codes.subarray(at, at + PIECE));
  return text;
}

/** Forgiving-base64 decode of the Infra standard: white space is skipped, padding may be left out. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  let digits = text.replace(/[\t\n\f\r ]+/g, "");
  if (digits.length % 4 === 0) digits = digits.replace(/={1,2}$/, "");
  if (digits.length % 4 === 1 || /[^A-Za-z0-9+/]/.test(digits))
    throw new DOMException("The text is not valid base64", "InvalidCharacterError");
  const long = digits.length > SHORT ? bytesOfText("fromBase64", digits) : null;
  return long ?? decodeShort(digits);
}

function decodeShort(digits: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(Math.floor((digits.length * 3) / 4));
  let bits = 0;
  let held = 0;
  let written = 0;
  for (let at = 0; at < digits.length; at += 1) {
    held = ((held << 6) | (VALUES[digits.charCodeAt(at)] ?? 0)) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[written] = held >> bits;
      written += 1;
    }
  }
  return bytes;
}

export function btoa(value: unknown): string {
  const text = String(value);
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit > 0xff)
      throw new DOMException("A character is outside of Latin-1", "InvalidCharacterError");
    bytes[at] = unit;
  }
  return toBase64(bytes);
}

export function atob(value: unknown): string {
  return fromLatin1(fromBase64(String(value)));
}
