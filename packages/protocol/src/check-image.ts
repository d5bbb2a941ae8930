import { type CleanImage, assertImage, imageInvalid } from "./image-bytes.ts";
import { isJpeg, readJpeg } from "./image-jpeg.ts";
import { assertPngPixels, isPng, readPng, type PixelBudget } from "./image-png.ts";
import { isWebp, readWebp } from "./image-webp.ts";
import { MEDIA_LIMITS } from "./limits.ts";

/**
 * Checks an icon or a screenshot and rewrites it without metadata: what was photographed where, with
 * which program, color profiles, comments. PNG, JPEG and WebP by what they are, not by their name;
 * never animated. The same image gives the same bytes, and rewritten ones stay as they are. Pixels of
 * JPEG and WebP are not decoded: bytes that no decoder reads may stand behind theirs, not behind a
 * PNG's. `budget` is for all images of a bundle. Throws `image_invalid`.
 */
export async function checkImage(
  bytes: Uint8Array,
  use: "icon" | "screenshot",
  budget: PixelBudget = pixelBudget(),
): Promise<CleanImage> {
  const { iconBytes, screenshotBytes } = MEDIA_LIMITS;
  const most = use === "icon" ? iconBytes : screenshotBytes;
  assertImage(bytes.length <= most, `it has more than ${most / 1024} KiB`);
  if (!isPng(bytes)) return withSides(readOther(bytes), use);
  const { pixels, ...image } = readPng(bytes);
  withSides(image, use);
  await assertPngPixels(pixels, budget);
  return image;
}

/** What the images of one bundle may unpack to. */
export function pixelBudget(): PixelBudget {
  return { left: MEDIA_LIMITS.bundlePixelBytes };
}

function readOther(bytes: Uint8Array): CleanImage {
  if (isJpeg(bytes)) return readJpeg(bytes);
  if (isWebp(bytes)) return readWebp(bytes);
  throw imageInvalid("it is no PNG, JPEG or WebP");
}

function withSides(image: CleanImage, use: "icon" | "screenshot"): CleanImage {
  const { width, height } = image;
  const { iconMinSide, iconMaxSide, screenshotMaxSide } = MEDIA_LIMITS;
  const sides = `it has ${width} × ${height} pixels`;
  if (use === "icon") {
    assertImage(width === height, `${sides}, and an icon is square`);
    const isFitting = width >= iconMinSide && width <= iconMaxSide;
    assertImage(isFitting, `${sides}: an icon has ${iconMinSide} to ${iconMaxSide} a side`);
    return image;
  }
  const isFitting = Math.max(width, height) <= screenshotMaxSide;
  assertImage(isFitting, `${sides}: a screenshot has at most ${screenshotMaxSide} a side`);
  return image;
}
