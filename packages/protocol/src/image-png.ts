import { concatBytes } from "./encoding.ts";
import { assertImage, fourBytes, imageInvalid, viewOf, type CleanImage } from "./image-bytes.ts";
import { crc32 } from "./inflate.ts";
import { MEDIA_LIMITS } from "./limits.ts";

/*
 * PNG (W3C PNG, third edition): 8 bytes of signature, then chunks: u32 length, four letters, data, u32
 * CRC-32 over letters and data. IHDR: u32 width, u32 height, u8 bit depth, u8 color type, u8
 * compression, u8 filter, u8 interlace.
 */
const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

interface Chunk {
  readonly type: string;
  readonly data: Uint8Array;
  /** With length, letters and CRC. */
  readonly whole: Uint8Array;
}

interface Header {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly color: number;
  /** Of one pixel. */
  readonly bits: number;
  readonly isInterlaced: boolean;
}

/** Samples of a pixel and the bit depths that go with each color type. */
const COLORS: ReadonlyMap<
  number,
  { readonly samples: number; readonly depths: readonly number[] }
> = new Map([
  [0, { samples: 1, depths: [1, 2, 4, 8, 16] }],
  [2, { samples: 3, depths: [8, 16] }],
  [3, { samples: 1, depths: [1, 2, 4, 8] }],
  [4, { samples: 2, depths: [8, 16] }],
  [6, { samples: 4, depths: [8, 16] }],
]);
const PALETTE = 3;

/**
 * What is needed to draw the image as it was made, in the order in which it stands; each but IDAT at
 * most once. Everything else that is ancillary is left out.
 */
const ORDER = [["IHDR"], ["sRGB", "gAMA", "cHRM"], ["PLTE"], ["tRNS"], ["IDAT"], ["IEND"]];
const KEPT = new Set(ORDER.flat());
/** Length of those of fixed length. */
const LENGTHS: Readonly<Record<string, number>> = { IHDR: 13, sRGB: 1, gAMA: 4, cHRM: 32, IEND: 0 };
/** Encoders write chunks of 8 KiB and more. */
const MAX_CHUNKS = 10_000;
const ANIMATION = new Set(["acTL", "fcTL", "fdAT"]);

export function isPng(bytes: Uint8Array): boolean {
  return SIGNATURE.every((byte, at) => bytes[at] === byte);
}

/**
 * Reads a PNG strictly and leaves out what is not needed to draw it. Pixels are not unpacked: that
 * takes the image's rules into account (`assertPngPixels`). Throws `image_invalid`.
 */
export function readPng(bytes: Uint8Array): CleanImage & { readonly pixels: PngPixels } {
  const chunks = readChunks(bytes);
  const header = readHeader(chunks[0]);
  const kept = chunks.filter(({ type }) => KEPT.has(type));
  assertOrder(kept);
  assertPalette(kept, header);
  const { width, height } = header;
  const parts = kept.map(({ whole }) => whole);
  const data = kept.flatMap(({ type, data }) => (type === "IDAT" ? [data] : []));
  return {
    type: "png",
    width,
    height,
    bytes: concatBytes(bytes.subarray(0, SIGNATURE.length), ...parts),
    pixels: { header, data },
  };
}

function readChunks(bytes: Uint8Array): Chunk[] {
  const view = viewOf(bytes);
  const chunks: Chunk[] = [];
  let at = SIGNATURE.length;
  while (at < bytes.length) {
    assertImage(at + 12 <= bytes.length, "a PNG chunk is cut off");
    const length = view.getUint32(at);
    const end = at + 12 + length;
    assertImage(end <= bytes.length, "a PNG chunk is longer than the file");
    const type = fourBytes(bytes, at + 4);
    assertImage(crc32(bytes.subarray(at + 4, end - 4)) === view.getUint32(end - 4), wrong(type));
    assertType(type, length);
    chunks.push({
      type,
      data: bytes.subarray(at + 8, end - 4),
      whole: bytes.subarray(at, end),
    });
    assertImage(chunks.length <= MAX_CHUNKS, "the PNG has too many chunks");
    at = end;
    if (type === "IEND") break;
  }
  assertImage(at === bytes.length, "bytes follow the end of the PNG");
  return chunks;
}

function wrong(type: string): string {
  return `the checksum of the PNG chunk ${JSON.stringify(type)} is wrong`;
}

function assertType(type: string, length: number): void {
  assertImage(/^[A-Za-z]{2}[A-Z][A-Za-z]$/.test(type), "a PNG chunk has no valid name");
  assertImage(!ANIMATION.has(type), "it is animated");
  const isCritical = /^[A-Z]/.test(type);
  assertImage(!isCritical || KEPT.has(type), `the PNG chunk ${type} is not known`);
  const expected = LENGTHS[type];
  const isRight = expected === undefined || expected === length;
  assertImage(isRight, `the PNG chunk ${type} has the wrong length`);
}

function readHeader(chunk: Chunk | undefined): Header {
  if (chunk?.type !== "IHDR") throw imageInvalid("the PNG does not begin with its header");
  const { data } = chunk;
  const view = viewOf(data);
  const [depth, color, interlace] = [view.getUint8(8), view.getUint8(9), view.getUint8(12)];
  const { samples, depths } = COLORS.get(color) ?? { samples: 0, depths: [] };
  const isKnown = depths.includes(depth);
  assertImage(isKnown, "the PNG has a color type or bit depth that does not exist");
  const isUsual = view.getUint16(10) === 0 && interlace <= 1;
  assertImage(isUsual, "the PNG names a method that does not exist");
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  assertImage(width > 0 && height > 0, "the image is empty");
  return { width, height, depth, color, bits: depth * samples, isInterlaced: interlace === 1 };
}

function assertOrder(chunks: readonly Chunk[]): void {
  const seen = new Set<string>();
  let rank = 0;
  for (const { type } of chunks) {
    const next = ORDER.findIndex((types) => types.includes(type));
    assertImage(next >= rank, `the PNG chunk ${type} is in the wrong place`);
    assertImage(type === "IDAT" || !seen.has(type), `the PNG chunk ${type} is there twice`);
    seen.add(type);
    rank = next;
  }
  assertImage(seen.has("IDAT"), "the PNG has no image data");
  assertImage(seen.has("IEND"), "the PNG has no end");
}

function assertPalette(chunks: readonly Chunk[], { color, depth }: Header): void {
  const find = (name: string) => chunks.find(({ type }) => type === name)?.data.length ?? null;
  const [palette, transparency] = [find("PLTE"), find("tRNS")];
  const entries = palette === null ? 0 : palette / 3;
  assertImage(color !== PALETTE || entries > 0, "the PNG has no palette");
  const most = color === PALETTE ? 2 ** depth : 256;
  const isWhole = Number.isInteger(entries) && entries <= most && palette !== 0;
  assertImage(isWhole, "the PNG's palette has the wrong length");
  assertImage(palette === null || (color & 2) !== 0, "the PNG has a palette that it cannot use");
  if (transparency === null) return;
  const lengths: Readonly<Record<number, boolean>> = {
    0: transparency === 2,
    2: transparency === 6,
    [PALETTE]: transparency > 0 && transparency <= entries,
  };
  assertImage(lengths[color] === true, "the PNG's transparency has the wrong length");
}

/** The packed pixels of a PNG and what they have to unpack to. */
export interface PngPixels {
  readonly header: Header;
  readonly data: readonly Uint8Array[];
}

/** Bytes that images may still unpack to. */
export interface PixelBudget {
  left: number;
}

/** Offset of the first pixel and distance of the pixels of each pass of an interlaced image. */
const PASSES = [
  { x: 0, y: 0, dx: 8, dy: 8 },
  { x: 4, y: 0, dx: 8, dy: 8 },
  { x: 0, y: 4, dx: 4, dy: 8 },
  { x: 2, y: 0, dx: 4, dy: 4 },
  { x: 0, y: 2, dx: 2, dy: 4 },
  { x: 1, y: 0, dx: 2, dy: 2 },
  { x: 0, y: 1, dx: 1, dy: 2 },
];
const ONE_PASS = [{ x: 0, y: 0, dx: 1, dy: 1 }];

/** Bytes of each pass: every line begins with one byte for its filter. */
function unpackedSize({ width, height, bits, isInterlaced }: Header): number {
  return (isInterlaced ? PASSES : ONE_PASS).reduce((sum, { x, y, dx, dy }) => {
    const columns = Math.ceil((width - x) / dx);
    const rows = Math.ceil((height - y) / dy);
    if (columns <= 0 || rows <= 0) return sum;
    return sum + rows * (1 + Math.ceil((columns * bits) / 8));
  }, 0);
}

function inMiB(bytes: number): string {
  return `${bytes / 1024 ** 2} MiB`;
}

/**
 * Unpacks the pixels piece by piece, keeping none, and refuses data that is not one zlib stream of
 * exactly the image's size: nothing hides behind the pixels. Call it after the image's sides are
 * known to be small enough. Throws `image_invalid`.
 */
export async function assertPngPixels(
  { header, data }: PngPixels,
  budget: PixelBudget,
): Promise<void> {
  const { pngPixelBytes, bundlePixelBytes } = MEDIA_LIMITS;
  const expected = unpackedSize(header);
  assertImage(expected <= pngPixelBytes, `its pixels take more than ${inMiB(pngPixelBytes)}`);
  const all = `the pixels of all PNGs take more than ${inMiB(bundlePixelBytes)}`;
  assertImage(expected <= budget.left, all);
  budget.left -= expected;
  const stream = new Blob(data.map((part) => part.slice()))
    .stream()
    .pipeThrough(new DecompressionStream("deflate"));
  let length = 0;
  try {
    for await (const part of stream) {
      length += part.length;
      if (length > expected) break;
    }
  } catch {
    length = -1;
  }
  assertImage(length === expected, "the PNG's image data is not that of its size");
}
