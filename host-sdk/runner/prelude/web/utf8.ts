import { bytesOfText, errandOfBytes } from "../errands.ts";

/** UTF-8 both ways: here while it is short, by the runner where that is faster. */

const SHORT = 512;

const REPLACEMENT = 0xfffd;

export function utf8Length(text: string): number {
  let length = text.length;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit > 0x7f) length += unit > 0x7ff ? 2 : 1;
    // A pair is two units and four bytes: its second unit adds nothing.
    if (unit >= 0xd800 && unit <= 0xdbff && isLowSurrogate(text.charCodeAt(at + 1))) at += 1;
  }
  return length;
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}

export function encodeUtf8(text: string): Uint8Array<ArrayBuffer> {
  const long = text.length > SHORT ? bytesOfText("encodeUtf8", text) : null;
  if (long !== null) return long;
  const bytes = new Uint8Array(utf8Length(text));
  writeUtf8(text, bytes);
  return bytes;
}

/** Writes whole code points while they fit. */
export function writeUtf8(text: string, into: Uint8Array): { read: number; written: number } {
  let read = 0;
  let written = 0;
  while (read < text.length) {
    const point = scalarAt(text, read);
    const size = utf8Size(point);
    if (written + size > into.length) break;
    putUtf8(point, into, written);
    written += size;
    read += point > 0xffff ? 2 : 1;
  }
  return { read, written };
}

function scalarAt(text: string, at: number): number {
  const point = text.codePointAt(at) ?? REPLACEMENT;
  return point >= 0xd800 && point <= 0xdfff ? REPLACEMENT : point;
}

function utf8Size(point: number): number {
  if (point < 0x80) return 1;
  if (point < 0x800) return 2;
  return point < 0x10000 ? 3 : 4;
}

const LEAD = [0, 0, 0xc0, 0xe0, 0xf0];

function putUtf8(point: number, into: Uint8Array, at: number): void {
  const size = utf8Size(point);
  if (size === 1) {
    into[at] = point;
    return;
  }
  let rest = point;
  for (let index = size - 1; index > 0; index -= 1) {
    into[at + index] = 0x80 | (rest & 0x3f);
    rest >>= 6;
  }
  into[at] = (LEAD[size] ?? 0) | rest;
}

interface Sequence {
  readonly point: number;
  readonly size: number;
  /** The bytes ended inside the sequence: more input may complete it. */
  readonly cut: boolean;
}

/** One code point at `at`, or the replacement for the longest invalid prefix ("maximal subpart"). */
function readUtf8(bytes: Uint8Array, at: number): Sequence {
  const lead = bytes[at] ?? 0;
  if (lead < 0x80) return { point: lead, size: 1, cut: false };
  const needed = continuationCount(lead);
  if (needed === 0) return { point: REPLACEMENT, size: 1, cut: false };
  let point = lead & (0x3f >> needed);
  for (let index = 1; index <= needed; index += 1) {
    const next = bytes[at + index];
    if (next === undefined) return { point: REPLACEMENT, size: index, cut: true };
    if (!continues(lead, index, next)) return { point: REPLACEMENT, size: index, cut: false };
    point = (point << 6) | (next & 0x3f);
  }
  return { point, size: needed + 1, cut: false };
}

function continuationCount(lead: number): number {
  if (lead >= 0xc2 && lead <= 0xdf) return 1;
  if (lead >= 0xe0 && lead <= 0xef) return 2;
  return lead >= 0xf0 && lead <= 0xf4 ? 3 : 0;
}

/** The second byte is narrower after some leads: no overlong form, no surrogate, ≤ U+10FFFF. */
function continues(lead: number, index: number, byte: number): boolean {
  const low = index === 1 ? (SECOND_LOW.get(lead) ?? 0x80) : 0x80;
  const high = index === 1 ? (SECOND_HIGH.get(lead) ?? 0xbf) : 0xbf;
  return byte >= low && byte <= high;
}

const SECOND_LOW = new Map([
  [0xe0, 0xa0],
  [0xf0, 0x90],
]);
const SECOND_HIGH = new Map([
  [0xed, 0x9f],
  [0xf4, 0x8f],
]);

/** undefined: the bytes are not UTF-8 and `fatal` forbids to replace them. A BOM stays. */
export function decodeUtf8(bytes: Uint8Array, fatal: boolean): string | undefined {
  if (bytes.length > SHORT) return decodeLong("utf-8", fatal, bytes);
  let text = "";
  for (let at = 0; at < bytes.length;) {
    const { point, size } = readUtf8(bytes, at);
    const isWritten = size === 3 && bytes[at] === 0xef;
    if (fatal && point === REPLACEMENT && !isWritten) return undefined;
    text += String.fromCodePoint(point);
    at += size;
  }
  return text;
}

/** {@link decodeUtf8} for any encoding that the runner knows. */
export function decodeLong(label: string, fatal: boolean, bytes: Uint8Array): string | undefined {
  const second = fatal ? "fatal" : "";
  return errandOfBytes("decodeText", { first: label, second, bytes })?.join("");
}

/** How many bytes at the end begin a code point that more bytes may complete. */
export function unfinishedUtf8(bytes: Uint8Array): number {
  for (let length = Math.min(3, bytes.length); length > 0; length -= 1) {
    const { size, cut } = readUtf8(bytes, bytes.length - length);
    if (cut && size === length) return length;
  }
  return 0;
}
