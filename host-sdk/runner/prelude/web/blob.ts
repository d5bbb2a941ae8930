import { bytesOf, concatenated } from "./bytes.ts";
import { decodeBytes } from "./text-encoding.ts";
import { ReadableStream } from "./readable-stream.ts";
import { encodeUtf8 } from "./utf8.ts";
import { domString, integer, usvString } from "./web-idl.ts";

interface BlobOptions {
  readonly type?: unknown;
  readonly endings?: unknown;
}

/** The bytes of a blob, which nobody changes. */
export let blobBytes: (blob: Blob) => Uint8Array<ArrayBuffer>;

export class Blob {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #type: string;

  constructor(parts: unknown = [], options: BlobOptions = {}) {
    if (typeof parts !== "object" || parts === null)
      throw new TypeError("A blob is made from a sequence of parts");
    const endings = domString(options.endings ?? "transparent");
    if (endings !== "transparent" && endings !== "native")
      throw new TypeError(`"${endings}" is not a kind of line ending`);
    this.#bytes = concatenated(Array.from(Object(parts), (part) => partBytes(part, endings)));
    this.#type = normalizedType(options.type);
  }

  get size(): number {
    return this.#bytes.length;
  }

  get type(): string {
    return this.#type;
  }

  slice(start: unknown = 0, end: unknown = this.size, type: unknown = ""): Blob {
    return new Blob([this.#bytes.subarray(integer(start), integer(end))], { type });
  }

  async text(): Promise<string> {
    return decodeBytes(this.#bytes, { ignoreBOM: false });
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return this.#bytes.slice().buffer;
  }

  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return this.#bytes.slice();
  }

  stream(): ReadableStream {
    return streamOfBytes(this.#bytes);
  }

  static {
    blobBytes = (blob) => blob.#bytes;
  }
}

interface FileOptions extends BlobOptions {
  readonly lastModified?: unknown;
}

export class File extends Blob {
  readonly #name: string;
  readonly #lastModified: number;

  constructor(...[parts, name, options = {}]: readonly [unknown?, unknown?, FileOptions?]) {
    if (parts === undefined || name === undefined)
      throw new TypeError("A file is made from parts and a name");
    super(parts, options);
    this.#name = usvString(name);
    this.#lastModified =
      options.lastModified === undefined ? Date.now() : integer(options.lastModified);
  }

  get name(): string {
    return this.#name;
  }

  get lastModified(): number {
    return this.#lastModified;
  }

  get webkitRelativePath(): string {
    return "";
  }
}

function streamOfBytes(bytes: Uint8Array): ReadableStream {
  return new ReadableStream({
    pull(controller) {
      if (bytes.length > 0) controller.enqueue(bytes.slice());
      controller.close();
    },
  });
}

function partBytes(part: unknown, endings: string): Uint8Array {
  if (part instanceof Blob) return blobBytes(part);
  if (part instanceof ArrayBuffer || ArrayBuffer.isView(part)) return bytesOf(part);
  const text = usvString(part);
  return encodeUtf8(endings === "native" ? text.replace(/\r\n?/g, "\n") : text);
}

function normalizedType(type: unknown): string {
  const text = domString(type ?? "");
  return /^[\x20-\x7e]*$/.test(text) ? text.toLowerCase() : "";
}
