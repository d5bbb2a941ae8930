/** UTF-8 both ways, and UTF-16LE decoding (WHATWG Encoding); other labels are refused. */

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
  const bytes = new Uint8Array(utf8Length(text));
  writeUtf8(text, bytes);
  return bytes;
}

/** Writes whole code points while they fit. */
function writeUtf8(text: string, into: Uint8Array): { read: number; written: number } {
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

export function bytesOf(source: unknown): Uint8Array {
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  if (ArrayBuffer.isView(source))
    return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  throw new TypeError("An ArrayBuffer or a view of one is needed");
}

export class TextEncoder {
  get encoding(): string {
    return "utf-8";
  }

  encode(text: unknown = ""): Uint8Array<ArrayBuffer> {
    return encodeUtf8(String(text));
  }

  encodeInto(text: unknown, into: Uint8Array): { read: number; written: number } {
    return writeUtf8(String(text), into);
  }
}

const LABELS = new Map([
  ["utf-8", "utf-8"],
  ["utf8", "utf-8"],
  ["unicode-1-1-utf-8", "utf-8"],
  ["utf-16le", "utf-16le"],
  ["utf-16", "utf-16le"],
  ["ucs-2", "utf-16le"],
]);

export class TextDecoder {
  readonly encoding: string;
  readonly fatal: boolean;
  readonly ignoreBOM: boolean;
  #kept: readonly number[] = [];
  #bomSeen = false;

  constructor(label: unknown = "utf-8", options: { fatal?: boolean; ignoreBOM?: boolean } = {}) {
    const encoding = LABELS.get(String(label).trim().toLowerCase());
    if (encoding === undefined)
      throw new RangeError(`The encoding "${String(label)}" is not supported`);
    this.encoding = encoding;
    this.fatal = Boolean(options.fatal);
    this.ignoreBOM = Boolean(options.ignoreBOM);
  }

  decode(input?: unknown, options: { stream?: boolean } = {}): string {
    const fresh = input === undefined ? new Uint8Array() : bytesOf(input);
    const bytes = this.#kept.length === 0 ? fresh : joined(this.#kept, fresh);
    const stream = Boolean(options.stream);
    const points =
      this.encoding === "utf-8" ? this.#utf8(bytes, stream) : this.#utf16(bytes, stream);
    const text = textOf(points, this.#dropsBom(points));
    if (!stream) this.#reset();
    return text;
  }

  #utf8(bytes: Uint8Array, stream: boolean): number[] {
    const points: number[] = [];
    this.#kept = [];
    for (let at = 0; at < bytes.length;) {
      const { point, size, cut } = readUtf8(bytes, at);
      if (cut && stream) {
        this.#kept = [...bytes.subarray(at)];
        break;
      }
      if (point === REPLACEMENT && this.fatal && !(size === 3 && bytes[at] === 0xef))
        this.#invalid();
      points.push(point);
      at += size;
    }
    return points;
  }

  #utf16(bytes: Uint8Array, stream: boolean): number[] {
    const even = bytes.length - (bytes.length % 2);
    this.#kept = stream ? [...bytes.subarray(even)] : [];
    let text = "";
    for (let at = 0; at < even; at += 2)
      text += String.fromCharCode((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8));
    const whole = even === bytes.length || stream;
    if (this.fatal && (!whole || !text.isWellFormed())) this.#invalid();
    return Array.from(
      text.toWellFormed() + (whole ? "" : "\ufffd"),
      (char) => char.codePointAt(0) ?? REPLACEMENT,
    );
  }

  #dropsBom(points: readonly number[]): boolean {
    if (points.length === 0 || this.#bomSeen) return false;
    this.#bomSeen = true;
    return !this.ignoreBOM && points[0] === 0xfeff;
  }

  #reset(): void {
    this.#kept = [];
    this.#bomSeen = false;
  }

  #invalid(): never {
    this.#reset();
    throw new TypeError(`The bytes are not valid ${this.encoding}`);
  }
}

function joined(kept: readonly number[], fresh: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(kept.length + fresh.length);
  bytes.set(kept);
  bytes.set(fresh, kept.length);
  return bytes;
}

const CHUNK = 4_096;

function textOf(points: readonly number[], skipFirst: boolean): string {
  let text = "";
  for (let at = skipFirst ? 1 : 0; at < points.length; at += CHUNK) {
    text += String.fromCodePoint(...points.slice(at, at + CHUNK));
  }
  return text;
}

/** UTF-8 to text the way Body.text() does: invalid bytes are replaced, one BOM is dropped. */
export function decodeUtf8(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
