// oxlint-disable-next-line typescript/triple-slash-reference -- every project that compiles this file needs the declaration
/// <reference path="./node-zlib.d.ts" />
import { crc32, inflateRawSync } from "node:zlib";

/** What an entry's headers say about its data. */
export interface PackedEntry {
  readonly deflated: boolean;
  /** Unpacked size in bytes. */
  readonly size: number;
}

/**
 * Unpacks one entry: the only place that touches a native codec. Output beyond `size` stops the
 * work, so neither memory nor time can exceed what the headers announced. Throws a plain Error when
 * the data is not one complete deflate stream that fills `raw`. Stored bytes are a view on `raw`.
 */
export function unpack(raw: Uint8Array, entry: PackedEntry): { bytes: Uint8Array; crc32: number } {
  const bytes = entry.deflated ? inflate(raw, entry.size) : raw;
  return { bytes, crc32: crc32(bytes) };
}

function inflate(raw: Uint8Array, size: number): Uint8Array {
  // One byte more than needed, so that zlib sees the end of the stream within the first buffer.
  const { buffer, engine } = inflateRawSync(raw, {
    info: true,
    maxOutputLength: Math.max(1, size),
    chunkSize: Math.max(64, size + 1),
  });
  if (engine.bytesWritten !== raw.length) throw new Error("bytes follow the deflate stream");
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}

/** CRC-32 (ISO-HDLC) of the bytes, as ZIP uses it. */
export { crc32 };
