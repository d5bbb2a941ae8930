import { textErrand } from "../errands.ts";
import { bytesOf, concatenated } from "./bytes.ts";
import { trimmed } from "./trim.ts";
import { decodeLong, decodeUtf8, encodeUtf8, unfinishedUtf8, writeUtf8 } from "./utf8.ts";

export class TextEncoder {
  get encoding(): string {
    return "utf-8";
  }

  encode(text: unknown = ""): Uint8Array<ArrayBuffer> {
    return encodeUtf8(String(text));
  }

  encodeInto(text: unknown, into: unknown): { read: number; written: number } {
    if (!(into instanceof Uint8Array)) throw new TypeError("A Uint8Array is needed");
    return writeUtf8(String(text), into);
  }
}

const UTF8_LABELS = [
  "utf-8",
  "utf8",
  "unicode-1-1-utf-8",
  "unicode11utf8",
  "unicode20utf8",
  "x-unicode20utf8",
];
const WITH_BOM = ["utf-8", "utf-16le", "utf-16be"];
/** A character of these takes more than one byte in ways that are not followed here. */
const MANY_BYTES = ["big5", "euc-jp", "euc-kr", "gb18030", "gbk", "iso-2022-jp", "shift_jis"];

interface DecoderOptions {
  readonly fatal?: unknown;
  readonly ignoreBOM?: unknown;
}

/** Every encoding of the Encoding standard; the runner knows their tables. */
export class TextDecoder {
  readonly #encoding: string;
  readonly #fatal: boolean;
  readonly #ignoreBOM: boolean;
  #kept: Uint8Array = new Uint8Array();
  #hasBegun = false;

  constructor(label: unknown = "utf-8", options: DecoderOptions = {}) {
    this.#encoding = encodingOf(String(label));
    this.#fatal = Boolean(options.fatal);
    this.#ignoreBOM = Boolean(options.ignoreBOM);
  }

  get encoding(): string {
    return this.#encoding;
  }

  get fatal(): boolean {
    return this.#fatal;
  }

  get ignoreBOM(): boolean {
    return this.#ignoreBOM;
  }

  decode(input?: unknown, options: { stream?: unknown } = {}): string {
    const stream = Boolean(options.stream);
    const bytes = input === undefined ? this.#kept : joined(this.#kept, bytesOf(input));
    const whole = bytes.length - (stream ? this.#unfinished(bytes) : 0);
    this.#kept = bytes.slice(whole);
    const text = this.#decodeWhole(bytes.subarray(0, whole));
    const isBegin = !this.#hasBegun;
    this.#hasBegun = stream && (this.#hasBegun || text !== "");
    return isBegin ? this.#withoutBom(text) : text;
  }

  #withoutBom(text: string): string {
    const drops = !this.#ignoreBOM && WITH_BOM.includes(this.#encoding);
    return drops && text.startsWith("\ufeff") ? text.slice(1) : text;
  }

  #decodeWhole(bytes: Uint8Array): string {
    const text =
      this.#encoding === "utf-8"
        ? decodeUtf8(bytes, this.#fatal)
        : decodeLong(this.#encoding, this.#fatal, bytes);
    if (typeof text === "string") return text;
    this.#kept = new Uint8Array();
    this.#hasBegun = false;
    throw new TypeError(`The bytes are not valid ${this.#encoding}`);
  }

  /** How many bytes at the end wait for those that follow. */
  #unfinished(bytes: Uint8Array): number {
    if (this.#encoding === "utf-8") return unfinishedUtf8(bytes);
    if (MANY_BYTES.includes(this.#encoding)) return bytes.length;
    return this.#encoding.startsWith("utf-16")
      ? unfinishedUtf16(bytes, this.#encoding === "utf-16be")
      : 0;
  }
}

function unfinishedUtf16(bytes: Uint8Array, bigEndian: boolean): number {
  const odd = bytes.length % 2;
  const high = bytes[bytes.length - odd - (bigEndian ? 2 : 1)] ?? 0;
  return (high & 0xfc) === 0xd8 ? odd + 2 : odd;
}

function encodingOf(label: string): string {
  const name = trimmed(label, "\t\n\f\r ").toLowerCase();
  if (UTF8_LABELS.includes(name)) return "utf-8";
  const found = /^[\w:.-]{1,64}$/.test(name) ? textErrand("findEncoding", { first: name }) : null;
  if (found === null) throw new RangeError(`The encoding "${label}" is not supported`);
  return found;
}

function joined(kept: Uint8Array, fresh: Uint8Array): Uint8Array {
  return kept.length === 0 ? fresh : concatenated([kept, fresh]);
}

interface TextOptions {
  readonly ignoreBOM: boolean;
}

/** UTF-8 to text; what is not valid is replaced. */
export function decodeBytes(bytes: Uint8Array, { ignoreBOM }: TextOptions): string {
  const text = decodeUtf8(bytes, false) ?? "";
  return !ignoreBOM && text.startsWith("\ufeff") ? text.slice(1) : text;
}
