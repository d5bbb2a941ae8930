import * as fc from "fast-check";
import { zlibSync } from "fflate";
import { describe, expect, test } from "vitest";
import { IMAGES } from "../fixtures/images.ts";
import { checkImage } from "./check-image.ts";
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

  const [head, data] = tiny;
  test.each<[string, readonly Chunk[], string]>([
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
