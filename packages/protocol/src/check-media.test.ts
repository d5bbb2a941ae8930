import { expect, test } from "vitest";
import { IMAGES } from "../fixtures/images.ts";
import { checkMedia, readMarkdown } from "./check-media.ts";
import { utf8 } from "./encoding.ts";
import { openEntries } from "./open-bundle.ts";
import { packBundle } from "./pack-bundle.ts";

const nothing = { icon: undefined, screenshots: [], readme: undefined, changelog: undefined };

test("checkMedia() finds nothing in media that may be shown, and in none", async () => {
  const files = new Map([
    ["a.png", IMAGES.png],
    ["b.jpg", IMAGES.jpeg],
    ["c.md", utf8("# C")],
  ]);
  const manifest = { icon: "a.png", screenshots: ["b.jpg"], readme: "c.md", changelog: "c.md" };
  expect(await checkMedia(manifest, files)).toEqual([]);
  expect(await checkMedia(nothing, files)).toEqual([]);
});

test("checkMedia() gives one finding a file, with its place in the manifest", async () => {
  const files = new Map([
    ["a.png", IMAGES.jpegProgressive],
    ["b.jpg", IMAGES.gif],
    ["c.md", new Uint8Array([0xff])],
    ["d.md", new Uint8Array(256 * 1024 + 1)],
  ]);
  const manifest = { icon: "a.png", screenshots: ["b.jpg"], readme: "c.md", changelog: "d.md" };
  expect(await checkMedia(manifest, files)).toMatchObject([
    {
      rule: "image_invalid",
      path: "icon",
      message: "a.png: it has 16 × 16 pixels: an icon has 64 to 1024 a side",
    },
    { rule: "image_invalid", path: "screenshots[0]", message: "b.jpg: it is no PNG, JPEG or WebP" },
    { rule: "markdown_invalid", path: "readme", fix: "Shorten it, or save it as UTF-8" },
    { rule: "markdown_invalid", path: "changelog", message: "d.md: it has more than 256 KiB" },
  ]);
});

test("checkMedia() leaves a file that is not there to others", async () => {
  expect(await checkMedia({ ...nothing, icon: "gone.png" }, new Map())).toEqual([]);
});

test("checkMedia() takes no mistake of ours for one of the file", async () => {
  const bytes = new Uint8Array();
  Object.defineProperty(bytes, "length", {
    get: () => {
      throw new TypeError("ours");
    },
  });
  const broken = checkMedia({ ...nothing, icon: "a.png" }, new Map([["a.png", bytes]]));
  await expect(broken).rejects.toThrow("ours");
});

test("readMarkdown() gives the text", () => {
  expect(readMarkdown(utf8("# Über"))).toBe("# Über");
});

test("openEntries() unpacks the entries that are asked for", () => {
  const bundle = packBundle(
    new Map([
      ["a", utf8("1")],
      ["b", utf8("2")],
    ]),
  );
  expect(openEntries(bundle, new Set(["b", "c"]))).toEqual(new Map([["b", utf8("2")]]));
});
