import {
  RbsmError,
  checkImage,
  openEntries,
  pixelBudget,
  readMarkdown,
  sha256Hex,
  utf8,
} from "@rising-bsm/protocol";
import { z } from "zod";
import { renderChangelog } from "./changelog.ts";
import { fragmentPath, imagePath } from "./details.ts";
import type { MediaImage, VersionDetails } from "./details.ts";
import { renderMarkdown } from "./render-markdown.ts";

/** What a stored manifest names for its page, and for whom. */
const shownSchema = z.object({
  icon: z.string().optional(),
  screenshots: z.array(z.string()).default([]),
  readme: z.string().optional(),
  changelog: z.string().optional(),
  visibility: z.string().default("public"),
});

type Shown = z.output<typeof shownSchema>;

/** The files that everybody may see of a version; null when there are none. */
export function shownFiles(manifest: string): Shown | null {
  const shown = shownSchema.parse(JSON.parse(manifest));
  const { icon, screenshots, readme, changelog } = shown;
  const isEmpty = [icon, readme, changelog, ...screenshots].every((file) => file === undefined);
  return isEmpty || shown.visibility === "private" ? null : shown;
}

/** An object of the public bucket: an image, or a text as HTML. */
export interface MediaObject {
  readonly key: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly contentType: string;
}

/**
 * Details of a version and the objects that they name, made of its bundle. The same bundle gives the
 * same. What cannot be shown is left out: a version may be older than the rules that it would break.
 */
export async function makeDetails(
  bundle: Uint8Array,
  shown: Shown,
): Promise<{ details: VersionDetails; objects: MediaObject[] }> {
  const files = filesOf(bundle, shown);
  const objects: MediaObject[] = [];
  const images = new Map<string, MediaImage>();
  const budget = pixelBudget();
  const show = async (file: string | undefined, use: "icon" | "screenshot") => {
    const bytes = files.get(file ?? "");
    const made = bytes === undefined ? null : await makeImage(() => checkImage(bytes, use, budget));
    if (file === undefined || made === null) return null;
    objects.push(made.object);
    images.set(file, made.image);
    return made.image;
  };
  const screenshots: MediaImage[] = [];
  for (const file of shown.screenshots) {
    const image = await show(file, "screenshot");
    if (image !== null) screenshots.push(image);
  }
  const icon = await show(shown.icon, "icon");
  const text = async (file: string | undefined, prefix: string, render: typeof renderMarkdown) => {
    const bytes = files.get(file ?? "");
    const source = bytes === undefined ? null : await orNull(() => readMarkdown(bytes));
    if (source === null) return null;
    const { sha256, object } = await fragmentOf(render(source, { prefix, images }));
    objects.push(object);
    return sha256;
  };
  const readme = await text(shown.readme, "readme-", renderMarkdown);
  const changelog = await text(shown.changelog, "changelog-", renderChangelog);
  return { details: { icon, screenshots, readme, changelog }, objects };
}

function filesOf(bundle: Uint8Array, shown: Shown): ReadonlyMap<string, Uint8Array> {
  const { icon, readme, changelog, screenshots } = shown;
  const names = [icon, readme, changelog, ...screenshots];
  return openEntries(bundle, new Set(names.filter((name) => name !== undefined)));
}

async function makeImage(
  check: () => ReturnType<typeof checkImage>,
): Promise<{ image: MediaImage; object: MediaObject } | null> {
  const clean = await orNull(check);
  if (clean === null) return null;
  const { type, width, height } = clean;
  const image = { sha256: await sha256Hex(clean.bytes), type, width, height };
  const key = imagePath(image).slice(1);
  return { image, object: { key, bytes: clean.bytes, contentType: `image/${type}` } };
}

async function orNull<T>(read: () => T | Promise<T>): Promise<T | null> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof RbsmError) return null;
    throw error;
  }
}

async function fragmentOf(html: string): Promise<{ sha256: string; object: MediaObject }> {
  const bytes = utf8(html);
  const sha256 = await sha256Hex(bytes);
  const key = fragmentPath(sha256).slice(1);
  return { sha256, object: { key, bytes, contentType: "text/html; charset=utf-8" } };
}
