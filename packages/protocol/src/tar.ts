import { equalBytes, utf8 } from "./encoding.ts";
import { RbsmError } from "./errors.ts";
import { OFFLINE_LIMITS } from "./limits.ts";

/**
 * Archives of regular files in the ustar format (POSIX.1-1988), in one spelling: a header follows from
 * path and size alone, and a reader takes no other. So there are no links, devices, modes or extensions
 * that two programs could read in two ways.
 *
 *   0 name[100]  100 mode[8]  108 uid[8]  116 gid[8]  124 size[12]  136 mtime[12]  148 checksum[8]
 *   156 type[1]  157 link[100]  257 magic[6]  263 version[2]  265 … zero …  345 prefix[155]  500 zero[12]
 */
const BLOCK = 512;
const NAME_BYTES = 100;
const PREFIX_BYTES = 155;
const MODE = "0000644";
const NOBODY = "0000000";
const NO_TIME = "00000000000";

/** What ends an archive: two blocks of zeros. */
export const TAR_END: Uint8Array<ArrayBuffer> = new Uint8Array(2 * BLOCK);

/** Characters of every path that a marketplace has; none of them can leave a folder. */
const SEGMENT = /^[A-Za-z0-9@_+-][A-Za-z0-9@._+-]*$/;

/** A file of an archive; `chunks` is what comes next of the archive, so it is read before the next file. */
export interface TarFile {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  readonly chunks: AsyncIterable<Uint8Array>;
}

/**
 * The block before a file's bytes. Throws `license_file_invalid` for a path that is none of a
 * marketplace's, or too long for the format, and for a size over `OFFLINE_LIMITS.fileBytes`.
 */
export function tarHeader({ path, size }: Pick<TarFile, "path" | "size">): Uint8Array<ArrayBuffer> {
  const [prefix, name] = splitPath(path);
  if (size > OFFLINE_LIMITS.fileBytes) throw invalid(`${path} is too long`);
  const header = new Uint8Array(BLOCK);
  const put = (at: number, text: string) => header.set(utf8(text), at);
  put(0, name);
  put(100, MODE);
  put(108, NOBODY);
  put(116, NOBODY);
  put(124, size.toString(8).padStart(11, "0"));
  put(136, NO_TIME);
  put(148, " ".repeat(8));
  put(156, "0");
  put(257, "ustar");
  put(263, "00");
  put(345, prefix);
  const sum = header.reduce((total, byte) => total + byte, 0);
  put(148, `${sum.toString(8).padStart(6, "0")}\0 `);
  return header;
}

/** Zeros that fill a file's last block. */
export function tarPadding(size: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array((BLOCK - (size % BLOCK)) % BLOCK);
}

function splitPath(path: string): [prefix: string, name: string] {
  if (!path.split("/").every((segment) => SEGMENT.test(segment))) {
    throw invalid(`No file of a marketplace has the path ${path.slice(0, 300)}`);
  }
  if (path.length <= NAME_BYTES) return ["", path];
  const at = path.indexOf("/", path.length - NAME_BYTES - 1);
  if (at === -1 || at > PREFIX_BYTES) throw invalid(`The path ${path} is too long for an archive`);
  return [path.slice(0, at), path.slice(at + 1)];
}

/**
 * The files of an archive one after the other, as they arrive. Nothing is believed: number and sizes
 * are limited before a byte is taken, no path comes twice, and the archive ends where it says. However
 * reading ends, the archive is closed. Throws `license_file_invalid`.
 */
export async function* readTar(archive: AsyncIterable<Uint8Array>): AsyncGenerator<TarFile> {
  const source = new ByteSource(archive);
  try {
    yield* filesOf(source);
  } finally {
    await source.close();
  }
}

async function* filesOf(source: ByteSource): AsyncGenerator<TarFile> {
  const seen = new Set<string>();
  let total = 0;
  for (;;) {
    const header = await source.take(BLOCK);
    if (isZero(header)) break;
    const { path, size } = parseHeader(header);
    total += size;
    if (seen.has(path)) throw invalid(`${path} comes twice`);
    if (seen.add(path).size > OFFLINE_LIMITS.files) throw invalid("It has too many files");
    if (total > OFFLINE_LIMITS.answerBytes) throw invalid("It is too long");
    const chunks = source.next(size);
    yield { path, size, chunks };
    // What the caller did not read.
    for await (const _chunk of chunks);
    requireZero(await source.take(tarPadding(size).length));
  }
  requireZero(await source.take(BLOCK));
  if (!(await source.isAtEnd())) throw invalid("There is something after its end");
}

function parseHeader(header: Uint8Array): Pick<TarFile, "path" | "size"> {
  const text = (at: number, length: number) =>
    String.fromCharCode(...header.subarray(at, at + length)).replace(/\0.*$/s, "");
  const [name, prefix, octal] = [text(0, NAME_BYTES), text(345, PREFIX_BYTES), text(124, 12)];
  const size = Number.parseInt(octal, 8);
  const file = { path: prefix === "" ? name : `${prefix}/${name}`, size };
  if (Number.isNaN(size) || !equalBytes(header, tarHeader(file))) {
    throw invalid("A file in it is none of the kind that is read");
  }
  return file;
}

function requireZero(bytes: Uint8Array): void {
  if (!isZero(bytes)) throw invalid("There is something between its files");
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

/** Bytes that arrive in pieces, taken in the lengths that are wanted. */
class ByteSource {
  readonly #pieces: AsyncIterator<Uint8Array>;
  #held = new Uint8Array();

  constructor(pieces: AsyncIterable<Uint8Array>) {
    this.#pieces = pieces[Symbol.asyncIterator]();
  }

  async take(length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    let at = 0;
    for await (const chunk of this.next(length)) {
      bytes.set(chunk, at);
      at += chunk.length;
    }
    return bytes;
  }

  /** Exactly so many bytes. An iterable that was read to its end gives nothing more. */
  next(length: number): AsyncIterable<Uint8Array> {
    const read = this.#read(length);
    return { [Symbol.asyncIterator]: () => ({ next: () => read.next() }) };
  }

  async *#read(length: number): AsyncGenerator<Uint8Array> {
    for (let left = length; left > 0;) {
      if (await this.isAtEnd()) throw invalid("It ends before it is complete");
      const chunk = this.#held.subarray(0, left);
      this.#held = this.#held.subarray(chunk.length);
      left -= chunk.length;
      yield chunk;
    }
  }

  /** Lets go of the file or connection behind it. */
  async close(): Promise<void> {
    await this.#pieces.return?.();
  }

  async isAtEnd(): Promise<boolean> {
    while (this.#held.length === 0) {
      const { done, value } = await this.#pieces.next();
      if (done === true) return true;
      this.#held = new Uint8Array(value);
    }
    return false;
  }
}

function invalid(what: string): RbsmError {
  return new RbsmError("license_file_invalid", `The file is not a license answer: ${what}`, {
    fix: "Have the request answered again, and carry the new file over.",
  });
}
