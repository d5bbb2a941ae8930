import * as fc from "fast-check";
import { zlibSync } from "fflate";
import { describe, expect, test } from "vitest";
import { IMAGES } from "../fixtures/images.ts";
import { checkImage } from "./check-image.ts";
import { checkMedia } from "./check-media.ts";
import { concatBytes, utf8 } from "./encoding.ts";
import { crc32 } from "./inflate.ts";

const screenshot = (bytes: Uint8Array) => checkImage(bytes, "screenshot");

function u32(value: number): Uint8Array {
  return new Uint8Array([value >>> 24, value >>> 16, value >>> 8, value]);
}

type Chunk = readonly [type: string, data: Uint8Array];

function png(...chunks: readonly Chunk[]): Uint8Array {
  const signature = IMAGES.png.subarray(0, 8);
  const parts = chunks.map(([type, data]) => {
    const named = concatBytes(utf8(type), data);
    return concatBytes(u32(data.length), named, u32(crc32(named)));
  });
  return concatBytes(signature, ...parts);
}

function header(
  width: number,
  height: number,
  [depth, color]: readonly [number, number] = [8, 0],
): Chunk {
  return ["IHDR", concatBytes(u32(width), u32(height), new Uint8Array([depth, color, 0, 0, 0]))];
}

const END: Chunk = ["IEND", new Uint8Array()];
const pixels = (length: number): Chunk => ["IDAT", zlibSync(new Uint8Array(length))];
/** 2 × 2 pixels in gray. */
const tiny = [header(2, 2), pixels(6), END] as const;

function holds(bytes: Uint8Array, text: string): boolean {
  return new TextDecoder("latin1").decode(bytes).includes(text);
}

describe("checkImage()", () => {
  test.each([
    ["png", "png", 64, 64],
    ["pngInterlaced", "png", 9, 5],
    ["jpeg", "jpeg", 64, 64],
    ["jpegProgressive", "jpeg", 16, 16],
    ["webp", "webp", 64, 64],
    ["webpAlpha", "webp", 16, 16],
    ["webpLossless", "webp", 16, 16],
  ] as const)("reads a %s, and leaves nothing more to leave out", async (name, ...expected) => {
    const { type, width, height, bytes } = await screenshot(IMAGES[name]);
    expect([type, width, height]).toEqual(expected);
    expect((await screenshot(bytes)).bytes).toEqual(bytes);
  });

  test.each(["png", "jpeg", "webp"] as const)("leaves metadata out of a %s", async (name) => {
    expect(holds(IMAGES[name], "secret-place")).toBe(true);
    const { bytes } = await checkImage(IMAGES[name], "icon");
    expect(holds(bytes, "secret-place")).toBe(false);
  });

  test.each([
    ["a GIF", IMAGES.gif],
    ["an SVG", utf8("<svg xmlns='http://www.w3.org/2000/svg'/>")],
    ["nothing", new Uint8Array()],
  ])("refuses %s", async (_name, bytes) => {
    await expect(screenshot(bytes)).rejects.toThrow("it is no PNG, JPEG or WebP");
  });

  test.each(["png", "jpeg", "webp", "webpAlpha", "pngInterlaced"] as const)(
    "refuses a %s that is cut off anywhere, or followed by more",
    async (name) => {
      const bytes = IMAGES[name];
      for (let length = 0; length < bytes.length; length++) {
        const part = bytes.subarray(0, length);
        await expect(screenshot(part)).rejects.toMatchObject({ code: "image_invalid" });
      }
      for (const more of [new Uint8Array(1), new Uint8Array(2), utf8("<script>"), bytes]) {
        const longer = concatBytes(bytes, more);
        await expect(screenshot(longer)).rejects.toMatchObject({ code: "image_invalid" });
      }
    },
  );

  test("takes any bytes: refuses them, or gives an image that says the same again", async () => {
    const known = fc.constantFrom(...Object.values(IMAGES));
    const change = fc.array(fc.tuple(fc.nat(600), fc.integer({ min: 0, max: 255 })), {
      minLength: 1,
      maxLength: 4,
    });
    const changed = fc.tuple(known, change).map(([bytes, changes]) => {
      const copy = bytes.slice();
      for (const [at, byte] of changes) copy[at % copy.length] = byte;
      return copy;
    });
    await fc.assert(
      fc.asyncProperty(fc.oneof(changed, fc.uint8Array({ maxLength: 80 })), async (bytes) => {
        const first = await screenshot(bytes).catch((error: unknown) => {
          expect(error).toMatchObject({ code: "image_invalid" });
          return null;
        });
        if (first !== null) expect(await screenshot(first.bytes)).toEqual(first);
      }),
      { numRuns: 400 },
    );
  });
});

describe("a use of an image", () => {
  const blank = (width: number, height: number) =>
    png(header(width, height), pixels((width + 1) * height), END);

  test.each([
    [63, 63, "64 to 1024"],
    [1_025, 1_025, "64 to 1024"],
    [64, 65, "an icon is square"],
  ])("refuses an icon of %i × %i", async (width, height, problem) => {
    await expect(checkImage(blank(width, height), "icon")).rejects.toThrow(problem);
  });

  test("takes an icon of 64 and of 1,024 pixels", async () => {
    for (const side of [64, 1_024]) {
      expect(await checkImage(blank(side, side), "icon")).toMatchObject({ width: side });
    }
  });

  test("refuses a screenshot by its sides before a pixel is unpacked", async () => {
    const bomb = png(header(4_097, 1), ["IDAT", utf8("no pixels")], END);
    await expect(screenshot(bomb)).rejects.toThrow("at most 4096");
  });

  test("refuses pixels by their size before one is unpacked, of an image and of a bundle", async () => {
    const bomb = (depth: number) =>
      png(header(4_096, 4_096, [depth, 6]), ["IDAT", utf8("no pixels")], END);
    await expect(screenshot(bomb(16))).rejects.toThrow("more than 65 MiB");
    const named = { icon: undefined, readme: undefined, changelog: undefined };
    const screenshots = Array<string>(6).fill("a.png");
    const findings = await checkMedia({ ...named, screenshots }, new Map([["a.png", bomb(8)]]));
    expect(findings.map(({ message }) => message)).toEqual([
      ...Array<string>(5).fill("a.png: the PNG's image data is not that of its size"),
      "a.png: the pixels of all PNGs take more than 384 MiB",
    ]);
  });

  test("refuses a file over its length before it is read", async () => {
    await expect(checkImage(new Uint8Array(256 * 1024 + 1), "icon")).rejects.toThrow("256 KiB");
    await expect(screenshot(new Uint8Array(2 * 1024 * 1024 + 1))).rejects.toThrow("2048 KiB");
  });
});

describe("a PNG", () => {
  const text: Chunk = ["tEXt", utf8("Comment\0hidden")];
  const palette: Chunk = ["PLTE", new Uint8Array(6)];

  test("keeps what is needed to draw it and leaves out the rest", async () => {
    const gamma: Chunk = ["gAMA", u32(45_455)];
    const [head, data] = tiny;
    const { bytes } = await screenshot(png(head, gamma, text, data, text, END));
    expect(bytes).toEqual(png(head, gamma, data, END));
  });

  test("may be interlaced and smaller than a pass", async () => {
    const [type, fields] = header(1, 1);
    const interlaced: Chunk = [type, fields.map((byte, at) => (at === 12 ? 1 : byte))];
    expect(await screenshot(png(interlaced, pixels(2), END))).toMatchObject({ width: 1 });
  });

  test("keeps its palette and its transparency", async () => {
    const colors = [header(2, 2, [8, 3]), palette, ["tRNS", new Uint8Array(2)]] as const;
    const { bytes } = await screenshot(png(...colors, pixels(6), END));
    expect(bytes).toEqual(png(...colors, pixels(6), END));
  });

  const [head, data] = tiny;
  test.each<[string, readonly Chunk[], string]>([
    ["nothing at all", [], "begin with its header"],
    ["a chunk without a name", [head, ["a1b2", new Uint8Array()], data, END], "no valid name"],
    [
      "a method that does not exist",
      [["IHDR", head[1].map((byte, at) => (at === 12 ? 2 : byte))], data, END],
      "method",
    ],
    ["too many chunks", [head, ...Array.from({ length: 10_000 }, () => data), END], "too many"],
    ["no header", [data, END], "begin with its header"],
    ["two headers", [head, head, data, END], "there twice"],
    ["no image data", [head, END], "no image data"],
    ["no end", [head, data], "no end"],
    ["data in two places", [head, data, palette, data, END], "wrong place"],
    ["an unknown critical chunk", [head, ["ABCD", new Uint8Array()], data, END], "not known"],
    ["an animation", [head, ["acTL", new Uint8Array(8)], data, END], "animated"],
    ["an end with data", [head, data, ["IEND", new Uint8Array(1)]], "wrong length"],
    ["no size", [header(0, 2), data, END], "empty"],
    ["a color type that does not exist", [header(2, 2, [8, 5]), data, END], "color type"],
    ["a bit depth that does not exist", [header(2, 2, [4, 2]), data, END], "bit depth"],
    ["no palette where one is needed", [header(2, 2, [8, 3]), data, END], "no palette"],
    ["a palette that gray cannot use", [head, palette, data, END], "cannot use"],
    ["transparency of the wrong length", [head, ["tRNS", u32(0)], data, END], "transparency"],
    ["fewer pixels than its size", [head, pixels(5), END], "not that of its size"],
    ["more pixels than its size", [head, pixels(7), END], "not that of its size"],
    ["pixels that do not unpack", [head, ["IDAT", utf8("no pixels")], END], "not that of its size"],
    [
      "bytes behind the pixels",
      [head, ["IDAT", concatBytes(zlibSync(new Uint8Array(6)), utf8("x"))], END],
      "not that of its size",
    ],
  ])("with %s is refused", async (_what, chunks, problem) => {
    await expect(screenshot(png(...chunks))).rejects.toThrow(problem);
  });

  test("with a wrong checksum is refused", async () => {
    const bytes = png(...tiny).slice();
    bytes[bytes.length - 1] = 0;
    await expect(screenshot(bytes)).rejects.toThrow("checksum");
  });
});

describe("a JPEG", () => {
  const segment = (marker: number, data: readonly number[]) =>
    new Uint8Array([0xff, marker, (data.length + 2) >> 8, (data.length + 2) & 255, ...data]);
  const START = new Uint8Array([0xff, 0xd8]);
  const STOP = new Uint8Array([0xff, 0xd9]);
  const tables = segment(0xdb, [0, ...Array<number>(64).fill(1)]);
  const codes = segment(0xc4, [0, 1, ...Array<number>(15).fill(0), 0]);
  const frame = segment(0xc0, [8, 0, 1, 0, 1, 1, 1, 0x11, 0]);
  const scanHeader = segment(0xda, [1, 1, 0, 0, 63, 0]);
  const scan = concatBytes(scanHeader, new Uint8Array([0x12]));
  const jpeg = (...parts: readonly Uint8Array[]) => concatBytes(START, ...parts, STOP);
  const whole = [tables, codes, frame, scan] as const;

  test("keeps tables, frame and scans, with restarts and stuffed bytes, and Adobe's colors", async () => {
    const adobe = segment(0xee, [...utf8("Adobe"), 0, 100, 0, 0, 0, 0, 0]);
    const data = new Uint8Array([1, 0xff, 0, 2, 0xff, 0xd0, 3, 0xff, 0xd1, 4]);
    const kept = [adobe, segment(0xdd, [0, 1]), tables, codes, frame, scanHeader, data];
    const extra = [segment(0xe1, [1]), segment(0xfe, [2]), segment(0xee, [3])];
    const { bytes, ...image } = await screenshot(jpeg(...extra, ...kept));
    expect(image).toEqual({ type: "jpeg", width: 1, height: 1 });
    expect(bytes).toEqual(jpeg(...kept));
  });

  test.each<[string, readonly Uint8Array[], string]>([
    ["no frame", [tables, codes], "not one frame"],
    ["two frames", [...whole, frame], "not one frame"],
    ["no scan", [tables, codes, frame], "number of scans"],
    ["more scans than colors", [...whole, scan], "number of scans"],
    ["a scan before its frame", [tables, codes, scan, frame], "before its frame"],
    ["a scan without data", [tables, codes, frame, scanHeader], "without data"],
    ["a restart out of turn", [...whole, new Uint8Array([0xff, 0xd3])], "marker"],
    ["a lossless frame", [tables, segment(0xc3, [])], "marker"],
    ["12 bits a color", [segment(0xc0, [12, 0, 1, 0, 1, 1, 1, 0x11, 0]), scan], "8 bits"],
    ["four colors", [segment(0xc0, [8, 0, 1, 0, 1, 4]), scan], "neither gray"],
    ["hardly a frame", [segment(0xc0, [8]), scan], "wrong length"],
    ["an empty scan", [frame, segment(0xda, []), u32(1)], "wrong length"],
    ["a frame of another length", [segment(0xc0, [8, 0, 1, 0, 1, 1, 1]), scan], "wrong length"],
    ["no height", [segment(0xc0, [8, 0, 0, 0, 1, 1, 1, 0x11, 0]), scan], "empty"],
    ["no sampling", [segment(0xc0, [8, 0, 1, 0, 1, 1, 1, 0x10, 0]), scan], "damaged"],
    ["a scan of another color", [frame, segment(0xda, [1, 2, 0, 0, 63, 0]), u32(1)], "damaged"],
    ["a scan of another length", [frame, segment(0xda, [1, 1]), u32(1)], "wrong length"],
    ["a table that does not exist", [segment(0xdb, [4]), ...whole], "damaged"],
    ["a table that is cut off", [segment(0xdb, [0, 1]), ...whole], "wrong length"],
    [
      "codes of no code",
      [segment(0xc4, [0, 3, ...Array<number>(18).fill(0)]), ...whole],
      "damaged",
    ],
    [
      "codes that are cut off",
      [segment(0xc4, [0, 1, ...Array<number>(15).fill(0)]), ...whole],
      "wrong length",
    ],
    ["a restart interval of another length", [segment(0xdd, [1]), ...whole], "interval"],
    ["a segment without a length", [new Uint8Array([0xff, 0xdb, 0, 1]), ...whole], "cut off"],
    [
      "too many segments",
      [...Array<Uint8Array>(1_001).fill(segment(0xfe, [])), ...whole],
      "too many",
    ],
  ])("with %s is refused", async (_what, parts, problem) => {
    await expect(screenshot(jpeg(...parts))).rejects.toThrow(problem);
  });

  const progressive = segment(0xc2, [8, 0, 1, 0, 1, 1, 1, 0x11, 0]);
  const part = (from: number) =>
    concatBytes(segment(0xda, [1, 1, 0, from, from, 0]), new Uint8Array([0x12]));

  test("may have 20 scans, each of something else", async () => {
    const parts = Array.from({ length: 21 }, (_, at) => part(at));
    const start = [tables, codes, progressive];
    expect(await screenshot(jpeg(...start, ...parts.slice(1)))).toMatchObject({ width: 1 });
    await expect(screenshot(jpeg(...start, ...parts))).rejects.toThrow("number of scans");
    await expect(screenshot(jpeg(...start, part(0), part(0)))).rejects.toThrow("a scan twice");
  });

  test("that does not hold all of its colors is refused", async () => {
    const colors = segment(0xc0, [8, 0, 1, 0, 1, 3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0]);
    await expect(screenshot(jpeg(tables, codes, colors, scan))).rejects.toThrow(
      "all of its colors",
    );
  });
});

describe("a WebP", () => {
  const le32 = (value: number) => u32(value).reverse();
  const chunk = ([type, data]: Chunk) =>
    concatBytes(utf8(type), le32(data.length), data, new Uint8Array(data.length % 2));
  const webp = (...chunks: readonly Chunk[]) => {
    const body = concatBytes(utf8("WEBP"), ...chunks.map(chunk));
    return concatBytes(utf8("RIFF"), le32(body.length), body);
  };
  const bytesOf = (...bytes: number[]) => new Uint8Array(bytes);
  /** 2 × 2 pixels: one shown key frame with a first part of one byte. */
  const lossy: Chunk = ["VP8 ", bytesOf(0x30, 0, 0, 0x9d, 1, 0x2a, 2, 0, 2, 0, 7)];
  const lossless: Chunk = ["VP8L", bytesOf(0x2f, 1, 0x40, 0, 0, 7)];
  const canvas = (flags: number, width = 1, height = 1): Chunk => [
    "VP8X",
    bytesOf(flags, 0, 0, 0, width, 0, 0, height, 0, 0),
  ];
  const alpha: Chunk = ["ALPH", bytesOf(0, 1, 2, 3, 4)];

  test("is written as the simple kind when nothing else is needed", async () => {
    const more: Chunk[] = [["ICCP", u32(1)], lossy, ["EXIF", u32(2)], ["XMP ", u32(3)]];
    expect((await screenshot(webp(canvas(0x2c), ...more))).bytes).toEqual(webp(lossy));
    expect((await screenshot(webp(lossless))).bytes).toEqual(webp(lossless));
  });

  test("keeps its transparency", async () => {
    const { bytes } = await screenshot(webp(canvas(0x3c), alpha, lossy, ["EXIF", u32(2)]));
    expect(bytes).toEqual(webp(canvas(0x10), alpha, lossy));
  });

  const damaged = (data: Uint8Array, at: number, byte: number): Uint8Array =>
    data.map((old, index) => (index === at ? byte : old));
  test.each<[string, readonly Chunk[], string]>([
    ["no image", [canvas(0)], "no image data"],
    ["two images", [canvas(0), lossy, lossless], "more than one"],
    ["more than its kind has", [lossy, ["EXIF", u32(2)]], "does not have"],
    ["an animation", [canvas(2), ["ANIM", u32(0)], lossy], "animated"],
    ["an animation by its flag alone", [canvas(2), lossy], "animated"],
    ["two sizes", [canvas(0, 5), lossy], "two sizes"],
    ["a header of another length", [["VP8X", u32(0)], lossy], "wrong length"],
    ["a frame that is no key frame", [["VP8 ", damaged(lossy[1], 0, 0x31)]], "does not begin"],
    ["a frame without its start code", [["VP8 ", damaged(lossy[1], 3, 0)]], "does not begin"],
    ["a frame longer than its data", [["VP8 ", damaged(lossy[1], 1, 1)]], "cut off"],
    ["a frame without width", [["VP8 ", damaged(lossy[1], 6, 0)]], "empty"],
    ["hardly any data", [["VP8 ", u32(0)]], "cut off"],
    ["no lossless signature", [["VP8L", damaged(lossless[1], 0, 0)]], "cut off"],
    ["an unknown version", [["VP8L", damaged(lossless[1], 4, 0xe0)]], "unknown version"],
    ["transparency of a lossless image", [canvas(0x10), alpha, lossless], "cannot use"],
    ["transparency behind its image", [canvas(0x10), lossy, alpha], "out of order"],
    ["transparency without data", [canvas(0x10), ["ALPH", bytesOf()], lossy], "damaged"],
    ["transparency of no kind", [canvas(0x10), ["ALPH", bytesOf(2, 1)], lossy], "damaged"],
    ["transparency of another size", [canvas(0x10), ["ALPH", bytesOf(0, 1)], lossy], "its size"],
    [
      "too many chunks",
      [canvas(0), ...Array.from({ length: 100 }, (): Chunk => ["XXXX", u32(0)]), lossy],
      "too many",
    ],
  ])("with %s is refused", async (_what, chunks, problem) => {
    await expect(screenshot(webp(...chunks))).rejects.toThrow(problem);
  });

  test("with a chunk longer than the file is refused", async () => {
    const bytes = webp(lossy, ["XXXX", u32(0)]).slice();
    bytes[bytes.length - 8] = 200;
    await expect(screenshot(bytes)).rejects.toThrow("longer than the file");
  });
});
