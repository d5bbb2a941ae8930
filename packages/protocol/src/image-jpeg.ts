import { concatBytes } from "./encoding.ts";
import { assertImage, imageInvalid, viewOf, type CleanImage } from "./image-bytes.ts";

/*
 * JPEG (ITU-T T.81, annex B): ff d8, then segments: ff, marker, u16 length with itself, data. After a
 * scan's header (SOS) come its bytes, in which ff is followed by 00 or a restart marker; ff d9 ends.
 * Frame (SOF): u8 precision, u16 height, u16 width, u8 components, of each: u8 id, u4 u4 sampling,
 * u8 quantization table. Scan: u8 components, of each: u8 id, u4 u4 Huffman tables; u8 u8 spectrum,
 * u4 u4 approximation.
 */
const MARKER = { DHT: 0xc4, RST0: 0xd0, SOI: 0xd8, EOI: 0xd9, SOS: 0xda, DQT: 0xdb, DRI: 0xdd };
const ADOBE = 0xee;
/** Baseline, extended and progressive, all with Huffman codes. */
const FRAMES = new Set([0xc0, 0xc1, 0xc2]);
const PROGRESSIVE = 0xc2;
/** Encoders write a dozen; a browser goes over all pixels for each. */
const MAX_SCANS = 20;
const CUT_OFF = "the JPEG is cut off";

interface Segment {
  readonly marker: number;
  readonly data: Uint8Array;
  /** From ff on, of a scan with its bytes. */
  readonly whole: Uint8Array;
}

interface Frame {
  readonly width: number;
  readonly height: number;
  readonly components: readonly number[];
}

export function isJpeg(bytes: Uint8Array): boolean {
  return bytes[0] === 0xff && bytes[1] === MARKER.SOI && bytes[2] === 0xff;
}

/**
 * Reads a JPEG strictly and leaves out what is not needed to draw it: comments and all application
 * data but Adobe's, which says how colors are written. Throws `image_invalid`.
 */
export function readJpeg(bytes: Uint8Array): CleanImage {
  const segments = readSegments(bytes);
  const frames = segments.filter(({ marker }) => FRAMES.has(marker));
  const [first] = frames;
  if (first === undefined || frames.length > 1) throw imageInvalid("the JPEG has not one frame");
  const frame = readFrame(first);
  assertScans(segments, first, frame);
  const kept = segments.filter((segment) => !isApplication(segment.marker) || isAdobe(segment));
  assertTables(kept);
  const ends = { start: bytes.subarray(0, 2), end: bytes.subarray(-2) };
  return {
    type: "jpeg",
    width: frame.width,
    height: frame.height,
    bytes: concatBytes(ends.start, ...kept.map(({ whole }) => whole), ends.end),
  };
}

function readSegments(bytes: Uint8Array): Segment[] {
  const view = viewOf(bytes);
  const segments: Segment[] = [];
  let at = 2;
  for (;;) {
    assertImage(at + 2 <= bytes.length && bytes[at] === 0xff, CUT_OFF);
    const marker = view.getUint8(at + 1);
    if (marker === MARKER.EOI) break;
    assertImage(isKnown(marker), `the JPEG has a marker that is not allowed: ${marker}`);
    assertImage(at + 4 <= bytes.length, CUT_OFF);
    const length = view.getUint16(at + 2);
    const dataEnd = at + 2 + length;
    assertImage(length >= 2 && dataEnd <= bytes.length, CUT_OFF);
    const end = marker === MARKER.SOS ? endOfScan(bytes, dataEnd) : dataEnd;
    const data = bytes.subarray(at + 4, dataEnd);
    segments.push({ marker, data, whole: bytes.subarray(at, end) });
    assertImage(segments.length <= MAX_SEGMENTS, "the JPEG has too many segments");
    at = end;
  }
  assertImage(at + 2 === bytes.length, "bytes follow the end of the JPEG");
  return segments;
}

/** Many times what an image has: most belong to application data, of which a segment holds 64 KiB. */
const MAX_SEGMENTS = 1_000;

/** APP0 to APP15, and comments. */
function isApplication(marker: number): boolean {
  return (marker >= 0xe0 && marker <= 0xef) || marker === 0xfe;
}

const { DHT, SOS, DQT, DRI } = MARKER;
const NEEDED = new Set([DHT, SOS, DQT, DRI]);

function isKnown(marker: number): boolean {
  return NEEDED.has(marker) || FRAMES.has(marker) || isApplication(marker);
}

/** The next marker that is neither a stuffed byte nor a restart, which come in turn. */
function endOfScan(bytes: Uint8Array, start: number): number {
  const view = viewOf(bytes);
  let restart = 0;
  let at = start;
  for (;;) {
    at = bytes.indexOf(0xff, at);
    assertImage(at !== -1 && at + 1 < bytes.length, CUT_OFF);
    const next = view.getUint8(at + 1);
    if (next === 0) at += 2;
    else if (next === MARKER.RST0 + restart) {
      restart = (restart + 1) % 8;
      at += 2;
    } else break;
  }
  assertImage(at > start, "the JPEG has a scan without data");
  return at;
}

function readFrame({ data }: Segment): Frame {
  assertImage(data.length >= 6, "the JPEG's frame has the wrong length");
  const view = viewOf(data);
  const count = view.getUint8(5);
  assertImage(view.getUint8(0) === 8, "the JPEG does not have 8 bits a color");
  assertImage(count === 1 || count === 3, "the JPEG is neither gray nor in three colors");
  assertImage(data.length === 6 + 3 * count, "the JPEG's frame has the wrong length");
  const [height, width] = [view.getUint16(1), view.getUint16(3)];
  assertImage(width > 0 && height > 0, "the image is empty");
  const components = Array.from({ length: count }, (_, n) => view.getUint8(6 + 3 * n));
  const isSound = components.every((_, n) => {
    const [sampling, table] = [view.getUint8(7 + 3 * n), view.getUint8(8 + 3 * n)];
    return isSampling(sampling >> 4) && isSampling(sampling & 15) && table <= 3;
  });
  const isDistinct = new Set(components).size === count;
  assertImage(isSound && isDistinct, "the JPEG's frame is damaged");
  return { width, height, components };
}

function isSampling(factor: number): boolean {
  return factor >= 1 && factor <= 4;
}

function assertScans(segments: readonly Segment[], frame: Segment, { components }: Frame): void {
  const scans = segments.filter(({ marker }) => marker === MARKER.SOS);
  const most = frame.marker === PROGRESSIVE ? MAX_SCANS : components.length;
  assertImage(scans.length > 0 && scans.length <= most, "the JPEG has the wrong number of scans");
  const isAfterFrame = scans.every((scan) => segments.indexOf(scan) > segments.indexOf(frame));
  assertImage(isAfterFrame, "the JPEG has a scan before its frame");
  const shown = new Set(scans.flatMap(({ data }) => componentsOf(data, components)));
  assertImage(shown.size === components.length, "the JPEG does not hold all of its colors");
  const parts = scans.flatMap(({ data }) => partsOf(data, components));
  assertImage(new Set(parts).size === parts.length, "the JPEG has a scan twice");
}

function componentsOf(data: Uint8Array, known: readonly number[]): number[] {
  assertImage(data.length > 0, "a scan of the JPEG has the wrong length");
  const view = viewOf(data);
  const count = view.getUint8(0);
  const isWhole = count >= 1 && count <= known.length && data.length === 4 + 2 * count;
  assertImage(isWhole, "a scan of the JPEG has the wrong length");
  const ids = Array.from({ length: count }, (_, n) => view.getUint8(1 + 2 * n));
  const isKnownOnce = ids.every((id) => known.includes(id)) && new Set(ids).size === count;
  const [start, end] = [view.getUint8(1 + 2 * count), view.getUint8(2 + 2 * count)];
  assertImage(isKnownOnce && start <= end && end <= 63, "a scan of the JPEG is damaged");
  return ids;
}

/** What a scan shows: of each color a range of the spectrum, and which of its bits. */
function partsOf(data: Uint8Array, components: readonly number[]): string[] {
  return componentsOf(data, components).map((id) => `${id} ${data.subarray(-3).join(" ")}`);
}

function assertTables(segments: readonly Segment[]): void {
  for (const { marker, data } of segments) {
    if (marker === DQT) assertQuantization(data);
    if (marker === DHT) assertHuffman(data);
    if (marker === DRI) assertImage(data.length === 2, "the JPEG's restart interval is damaged");
  }
}

/** "Adobe", u16 version, u16 u16 flags, u8 transform. */
function isAdobe({ marker, data }: Segment): boolean {
  const isNamed = String.fromCharCode(...data.subarray(0, 5)) === "Adobe";
  return marker === ADOBE && data.length === 12 && isNamed;
}

/** Tables: u4 precision, u4 id, 64 values of one or two bytes. */
function assertQuantization(data: Uint8Array): void {
  const view = viewOf(data);
  let at = 0;
  while (at < data.length) {
    const info = view.getUint8(at);
    assertImage(info >> 4 <= 1 && (info & 15) <= 3, "a table of the JPEG is damaged");
    at += 1 + 64 * (1 + (info >> 4));
  }
  assertImage(at === data.length && at > 0, "a table of the JPEG has the wrong length");
}

/** Tables: u4 class, u4 id, 16 numbers of codes by length, the symbols. */
function assertHuffman(data: Uint8Array): void {
  const view = viewOf(data);
  let at = 0;
  while (at < data.length) {
    const info = view.getUint8(at);
    const counts = data.subarray(at + 1, at + 17);
    const isSound = info >> 4 <= 1 && (info & 15) <= 3 && isCode(counts);
    assertImage(isSound, "a table of the JPEG is damaged");
    at += 17 + counts.reduce((sum, count) => sum + count, 0);
  }
  assertImage(at === data.length && at > 0, "a table of the JPEG has the wrong length");
}

/** Whether there is a prefix code with so many codes of each length. */
function isCode(counts: Uint8Array): boolean {
  let free = 1;
  for (const count of counts) {
    free = free * 2 - count;
    if (free < 0) return false;
  }
  return counts.length === 16;
}
