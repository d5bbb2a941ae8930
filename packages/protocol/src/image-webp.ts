import { concatBytes, utf8 } from "./encoding.ts";
import { assertImage, fourBytes, imageInvalid, viewOf, type CleanImage } from "./image-bytes.ts";

/*
 * WebP (RFC 9649), little endian: "RIFF", u32 size of what follows, "WEBP", then chunks: four letters,
 * u32 size, data, one zero byte after an odd size. VP8X: u8 flags, 24 bits reserved, u24 width - 1,
 * u24 height - 1.
 */
const ANIMATED = 0x02;
const ALPHA = 0x10;

/** Without an animation there are at most six that have a meaning. */
const MAX_CHUNKS = 100;

interface Chunk {
  readonly type: string;
  readonly data: Uint8Array;
}

interface Size {
  readonly width: number;
  readonly height: number;
}

export function isWebp(bytes: Uint8Array): boolean {
  return fourBytes(bytes, 0) === "RIFF" && fourBytes(bytes, 8) === "WEBP";
}

/** Reads a WebP strictly and leaves out what is not needed to draw it. Throws `image_invalid`. */
export function readWebp(bytes: Uint8Array): CleanImage {
  const chunks = readChunks(bytes);
  const [first] = chunks;
  const images = chunks.filter(({ type }) => type === "VP8 " || type === "VP8L");
  const [image] = images;
  if (first === undefined || image === undefined) throw imageInvalid("the WebP has no image data");
  assertImage(images.length === 1, "the WebP has more than one image");
  const size = image.type === "VP8 " ? readLossy(image.data) : readLossless(image.data);
  if (first.type !== "VP8X") {
    assertImage(chunks.length === 1, "the WebP has chunks that its kind does not have");
    return { type: "webp", ...size, bytes: writeWebp([image]) };
  }
  assertCanvas(first.data, size);
  const alpha = readAlpha(chunks, image, size);
  const kept = alpha === undefined ? [image] : [canvas(size), alpha, image];
  return { type: "webp", ...size, bytes: writeWebp(kept) };
}

function readChunks(bytes: Uint8Array): Chunk[] {
  const view = viewOf(bytes);
  assertImage(bytes.length >= 20, "the WebP is cut off");
  const isWhole = view.getUint32(4, true) === bytes.length - 8;
  assertImage(isWhole, "the WebP has another length than it says");
  const chunks: Chunk[] = [];
  let at = 12;
  while (at < bytes.length) {
    assertImage(at + 8 <= bytes.length, "a WebP chunk is cut off");
    const size = view.getUint32(at + 4, true);
    const end = at + 8 + size + (size % 2);
    assertImage(end <= bytes.length, "a WebP chunk is longer than the file");
    const type = fourBytes(bytes, at);
    assertImage(type !== "ANIM" && type !== "ANMF", "it is animated");
    assertImage(chunks.length < MAX_CHUNKS, "the WebP has too many chunks");
    chunks.push({ type, data: bytes.subarray(at + 8, at + 8 + size) });
    at = end;
  }
  return chunks;
}

/** VP8 (RFC 6386, 9.1): 3 bytes of frame tag, 9d 01 2a, u16 width and u16 height of 14 bits each. */
function readLossy(data: Uint8Array): Size {
  assertImage(data.length > 10, "the WebP's image data is cut off");
  const view = viewOf(data);
  const tag = view.getUint16(0, true) | (view.getUint8(2) << 16);
  const isShownKeyFrame = (tag & 1) === 0 && ((tag >> 1) & 7) <= 3 && ((tag >> 4) & 1) === 1;
  const isStarted = data[3] === 0x9d && data[4] === 0x01 && data[5] === 0x2a;
  assertImage(isShownKeyFrame && isStarted, "the WebP's image data does not begin as it should");
  assertImage(10 + (tag >> 5) <= data.length, "the WebP's image data is cut off");
  return sized(view.getUint16(6, true) & 0x3fff, view.getUint16(8, true) & 0x3fff);
}

/** VP8L: 2f, then 14 bits width - 1, 14 bits height - 1, 1 bit alpha, 3 bits version. */
function readLossless(data: Uint8Array): Size {
  assertImage(data.length > 5 && data[0] === 0x2f, "the WebP's image data is cut off");
  const bits = viewOf(data).getUint32(1, true);
  assertImage(bits >>> 29 === 0, "the WebP's image data is of an unknown version");
  return sized((bits & 0x3fff) + 1, ((bits >>> 14) & 0x3fff) + 1);
}

function sized(width: number, height: number): Size {
  assertImage(width > 0 && height > 0, "the image is empty");
  return { width, height };
}

function assertCanvas(data: Uint8Array, { width, height }: Size): void {
  assertImage(data.length === 10, "the WebP's header has the wrong length");
  const view = viewOf(data);
  assertImage((view.getUint8(0) & ANIMATED) === 0, "it is animated");
  const isSame = u24(view, 4) + 1 === width && u24(view, 7) + 1 === height;
  assertImage(isSame, "the WebP names two sizes");
}

function u24(view: DataView, at: number): number {
  return view.getUint16(at, true) | (view.getUint8(at + 2) << 16);
}

/** The alpha plane of a lossy image; its first byte: 2 bits reserved, preprocessing, filter, compression. */
function readAlpha(chunks: readonly Chunk[], image: Chunk, { width, height }: Size) {
  const planes = chunks.filter(({ type }) => type === "ALPH");
  const [alpha] = planes;
  if (alpha === undefined) return undefined;
  const isUsed = planes.length === 1 && image.type === "VP8 ";
  assertImage(isUsed, "the WebP has transparency that it cannot use");
  assertImage(chunks.indexOf(alpha) < chunks.indexOf(image), "the WebP's chunks are out of order");
  const [info = 0xff] = alpha.data;
  assertImage((info & 0xe2) === 0 && alpha.data.length > 1, "the WebP's transparency is damaged");
  const isWhole = (info & 1) === 1 || alpha.data.length === 1 + width * height;
  assertImage(isWhole, "the WebP's transparency is not of its size");
  return alpha;
}

function canvas({ width, height }: Size): Chunk {
  const data = new Uint8Array(10);
  const view = viewOf(data);
  view.setUint8(0, ALPHA);
  view.setUint16(4, (width - 1) & 0xffff, true);
  view.setUint8(6, (width - 1) >> 16);
  view.setUint16(7, (height - 1) & 0xffff, true);
  view.setUint8(9, (height - 1) >> 16);
  return { type: "VP8X", data };
}

function writeWebp(chunks: readonly Chunk[]): Uint8Array<ArrayBuffer> {
  const parts = chunks.flatMap(({ type, data }) => [
    utf8(type),
    u32(data.length),
    data,
    new Uint8Array(data.length % 2),
  ]);
  const size = parts.reduce((sum, part) => sum + part.length, 4);
  return concatBytes(utf8("RIFF"), u32(size), utf8("WEBP"), ...parts);
}

function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  viewOf(bytes).setUint32(0, value, true);
  return bytes;
}
