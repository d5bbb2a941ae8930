import { fromLatin1 } from "./base64.ts";
import { blobBytes, File } from "./blob.ts";
import { concatenated } from "./bytes.ts";
import { FormData } from "./form-data.ts";
import { randomUUID } from "./random.ts";
import { decodeBytes } from "./text-encoding.ts";
import { trimmed } from "./trim.ts";
import { encodeUtf8 } from "./utf8.ts";

/** multipart/form-data, as HTML writes it and RFC 7578 describes it. */

const MAX_PARTS = 1_000;
const MAX_HEAD = 16_384;

export function encodeMultipart(form: FormData): {
  bytes: Uint8Array<ArrayBuffer>;
  boundary: string;
} {
  const boundary = `----form-${randomUUID()}`;
  const parts = Array.from(form, ([name, value]) => {
    const head = `--${boundary}\r\nContent-Disposition: form-data; name="${escaped(lines(name))}"`;
    if (typeof value === "string") return [encodeUtf8(`${head}\r\n\r\n${lines(value)}\r\n`)];
    const file = `; filename="${escaped(value.name)}"\r\nContent-Type: ${value.type || "application/octet-stream"}`;
    return [encodeUtf8(`${head}${file}\r\n\r\n`), blobBytes(value), encodeUtf8("\r\n")];
  });
  return { bytes: concatenated([...parts.flat(), encodeUtf8(`--${boundary}--\r\n`)]), boundary };
}

function lines(text: string): string {
  return text.replace(/\r\n?|\n/g, "\r\n");
}

const ESCAPES = new Map([
  ["\n", "%0A"],
  ["\r", "%0D"],
  ['"', "%22"],
]);

function escaped(text: string): string {
  return text.replace(/[\n\r"]/g, (char) => ESCAPES.get(char) ?? char);
}

/** Throws a TypeError for what is not multipart with this boundary. */
export function parseMultipart(bytes: Uint8Array, boundary: string): FormData {
  // One character a byte: positions in it are positions in the bytes, and searching it is native.
  const text = fromLatin1(bytes);
  const mark = `--${boundary}`;
  const form = new FormData();
  let at = text.startsWith("\r\n") ? 2 : 0;
  if (!text.startsWith(mark, at)) throw malformed();
  for (let parts = 0; ; parts += 1) {
    at += mark.length;
    if (text.startsWith("--", at)) return form;
    if (parts >= MAX_PARTS) throw new TypeError(`A form has at most ${MAX_PARTS} parts`);
    const headEnd = text.indexOf("\r\n\r\n", at);
    const end = text.indexOf(`\r\n${mark}`, Math.max(headEnd + 2, at));
    if (!text.startsWith("\r\n", at) || headEnd === -1 || end === -1 || headEnd - at > MAX_HEAD)
      throw malformed();
    addPart(
      form,
      text.slice(at + 2, headEnd),
      bytes.subarray(headEnd + 4, Math.max(end, headEnd + 4)),
    );
    at = end + 2;
  }
}

function addPart(form: FormData, head: string, content: Uint8Array): void {
  const headers = new Map(head.split("\r\n").map(header));
  const disposition = headers.get("content-disposition") ?? "";
  const name = parameter(disposition, "name");
  if (!/^form-data\s*;/i.test(disposition) || name === undefined) throw malformed();
  const filename = parameter(disposition, "filename");
  if (filename === undefined) form.append(name, decodeBytes(content, { ignoreBOM: true }));
  else
    form.append(
      name,
      new File([content], filename, { type: headers.get("content-type") ?? "text/plain" }),
    );
}

function header(line: string): readonly [string, string] {
  const [, name, value] = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):(.*)$/.exec(line) ?? [];
  if (name === undefined || value === undefined) throw malformed();
  return [name.toLowerCase(), trimmed(value, "\t ")];
}

/** A parameter in quotes, whose three escapes are undone, or a token. */
function parameter(header: string, name: string): string | undefined {
  const match = new RegExp(`;\\s*${name}=(?:"([^"]*)"|([^\\s;"]+))`, "i").exec(header);
  const value = match?.[1] ?? match?.[2];
  if (value === undefined) return undefined;
  const bytes = Uint8Array.from(value, (char) => char.charCodeAt(0));
  return decodeBytes(bytes, { ignoreBOM: true }).replace(/%(0A|0D|22)/gi, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
}

function malformed(): TypeError {
  return new TypeError("The body is not multipart/form-data");
}
