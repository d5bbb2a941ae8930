import { checkImage } from "./check-image.ts";
import { RbsmError, type Finding } from "./errors.ts";
import { MEDIA_LIMITS } from "./limits.ts";
import type { Manifest } from "./manifest-schema.ts";

/** What of a bundle says which files its page shows. */
export interface MediaSource {
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly manifest: Pick<Manifest, "icon" | "screenshots" | "readme" | "changelog">;
}

/**
 * What is wrong with the files that a plugin's page shows: icon and screenshots as `checkImage` says
 * (`image_invalid`), README and changelog by size and encoding (`markdown_invalid`). One finding a
 * file, whose name is its path.
 */
export async function checkMedia({ files, manifest }: MediaSource): Promise<Finding[]> {
  const { icon, screenshots, readme, changelog } = manifest;
  const images = [
    ...named(icon).map((path) => ({ path, use: "icon" as const })),
    ...screenshots.map((path) => ({ path, use: "screenshot" as const })),
  ];
  const findings: Finding[] = [];
  // One after the other: unpacked pixels of several would take memory at the same time.
  for (const { path, use } of images) {
    findings.push(...(await findingOf(path, () => checkImage(fileOf(files, path), use))));
  }
  for (const path of [...named(readme), ...named(changelog)]) {
    findings.push(...(await findingOf(path, () => checkMarkdown(fileOf(files, path)))));
  }
  return findings;
}

function named(path: string | undefined): string[] {
  return path === undefined ? [] : [path];
}

function fileOf(files: MediaSource["files"], path: string): Uint8Array {
  return files.get(path) ?? new Uint8Array();
}

function checkMarkdown(bytes: Uint8Array): void {
  const { markdownBytes } = MEDIA_LIMITS;
  if (bytes.length > markdownBytes) {
    throw new RbsmError("markdown_invalid", `it has more than ${markdownBytes / 1024} KiB`);
  }
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new RbsmError("markdown_invalid", "it is not text in UTF-8", {}, cause);
  }
}

const FIXES: Readonly<Record<string, string>> = {
  image_invalid: "Save it again as PNG, JPEG or WebP in the size that docs/limits.md names",
  markdown_invalid: "Shorten it, or save it as UTF-8",
};

async function findingOf(path: string, check: () => unknown): Promise<Finding[]> {
  try {
    await check();
    return [];
  } catch (error) {
    if (!(error instanceof RbsmError)) throw error;
    const { code: rule, message } = error;
    return [{ rule, path, message: `${path}: ${message}`, fix: FIXES[rule] ?? "Replace it" }];
  }
}
