import { DOMException } from "./dom-exception.ts";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const VALUES = new Map(Array.from(ALPHABET, (char, value) => [char.charCodeAt(0), value]));

export function toBase64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 3) {
    const left = bytes.length - at;
    const group = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    text += digit(group >> 18) + digit(group >> 12);
    text += (left > 1 ? digit(group >> 6) : "=") + (left > 2 ? digit(group) : "=");
  }
  return text;
}

function digit(group: number): string {
  return ALPHABET.charAt(group & 63);
}

/** Forgiving-base64 decode of the Infra standard: white space is skipped, padding may be left out. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  let digits = text.replace(/[\t\n\f\r ]+/g, "");
  if (digits.length % 4 === 0) digits = digits.replace(/={1,2}$/, "");
  if (digits.length % 4 === 1) throw invalid();
  const bytes = new Uint8Array(Math.floor((digits.length * 3) / 4));
  let bits = 0;
  let held = 0;
  let written = 0;
  for (let at = 0; at < digits.length; at += 1) {
    const value = VALUES.get(digits.charCodeAt(at));
    if (value === undefined) throw invalid();
    held = ((held << 6) | value) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[written] = held >> bits;
      written += 1;
    }
  }
  return bytes;
}

function invalid(): DOMException {
  return new DOMException("The text is not valid base64", "InvalidCharacterError");
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
  let text = "";
  for (const byte of fromBase64(String(value))) text += String.fromCharCode(byte);
  return text;
}
