import { checkImage, pixelBudget } from "./check-image.ts";
import { utf8Decode } from "./encoding.ts";
import { RbsmError, type Finding } from "./errors.ts";
import { MEDIA_LIMITS } from "./limits.ts";
import type { Manifest } from "./manifest-schema.ts";

type Files = ReadonlyMap<string, Uint8Array>;
type Named = Pick<Manifest, "icon" | "screenshots" | "readme" | "changelog">;

/**
 * What is wrong with the files that a plugin's page shows: icon and screenshots as `checkImage` says
 * (`image_invalid`), README and changelog by size and encoding (`markdown_invalid`). One finding a
 * file; a file that is not there has none.
 */
export async function checkMedia(manifest: Named, files: Files): Promise<Finding[]> {
  const { icon, readme, changelog } = manifest;
  const budget = pixelBudget();
  const screenshots = manifest.screenshots.map((file, at) => ({
    key: `screenshots[${at}]`,
    file,
    check: (bytes: Uint8Array) => checkImage(bytes, "screenshot", budget),
  }));
  const named = [
    { key: "icon", file: icon, check: (bytes: Uint8Array) => checkImage(bytes, "icon", budget) },
    ...screenshots,
    { key: "readme", file: readme, check: readMarkdown },
    { key: "changelog", file: changelog, check: readMarkdown },
  ];
  const findings: Finding[] = [];
  for (const { key, file = "", check } of named) {
    const bytes = files.get(file);
    const problem = bytes === undefined ? null : await problemOf(() => check(bytes));
    if (problem !== null) findings.push(findingOf(problem, key, file));
  }
  return findings;
}

/** Text of a README or changelog. Throws `markdown_invalid` when it is too long or not UTF-8. */
export function readMarkdown(bytes: Uint8Array): string {
  const { markdownBytes } = MEDIA_LIMITS;
  if (bytes.length > markdownBytes) {
    throw new RbsmError("markdown_invalid", `it has more than ${markdownBytes / 1024} KiB`);
  }
  return utf8Decode(bytes, "markdown_invalid");
}

async function problemOf(check: () => unknown): Promise<RbsmError | null> {
  try {
    await check();
    return null;
  } catch (error) {
    if (error instanceof RbsmError) return error;
    throw error;
  }
}

function findingOf({ code, message }: RbsmError, path: string, file: string): Finding {
  const fix =
    code === "markdown_invalid"
      ? "Shorten it, or save it as UTF-8"
      : "Save it again as PNG, JPEG or WebP, still and in a size that docs/limits.md allows";
  return { rule: code, path, message: `${file}: ${message}`, fix };
}
