/** The part of node:zlib, present in Node and in workerd, that inflate.ts uses. */
declare module "node:zlib" {
  export function crc32(data: Uint8Array): number;
  export function inflateRawSync(
    data: Uint8Array,
    options: { info: true; maxOutputLength: number; chunkSize: number },
  ): { buffer: Uint8Array; engine: { bytesWritten: number } };
}
