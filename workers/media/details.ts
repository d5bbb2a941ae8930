import { z } from "zod";

const imageSchema = z.object({
  sha256: z.string(),
  type: z.enum(["png", "jpeg", "webp"]),
  width: z.int(),
  height: z.int(),
});

const detailsSchema = z.object({
  icon: imageSchema.nullable(),
  screenshots: z.array(imageSchema),
  /** SHA-256 of the HTML fragment made of it. */
  readme: z.string().nullable(),
  changelog: z.string().nullable(),
});

/** An image of the public bucket. Width and height are pixels. */
export type MediaImage = z.output<typeof imageSchema>;

/** What a release shows of itself beside its manifest. */
export type VersionDetails = z.output<typeof detailsSchema>;

/** Details of a version that has none. */
export const NOTHING_SHOWN: VersionDetails = {
  icon: null,
  screenshots: [],
  readme: null,
  changelog: null,
};

/** The details of a stored version: none as long as they are still to be made. */
export function storedDetails({ details }: { readonly details: string | null }): VersionDetails {
  return details === null ? NOTHING_SHOWN : detailsSchema.parse(JSON.parse(details));
}

const SUFFIXES = { png: "png", jpeg: "jpg", webp: "webp" } as const;

/** URL path of an image. */
export function imagePath({ sha256, type }: Pick<MediaImage, "sha256" | "type">): string {
  return `/media/${sha256}.${SUFFIXES[type]}`;
}

/** URL path of a version's icon; null when it has none. */
export function iconPath(row: { readonly details: string | null }): string | null {
  const { icon } = storedDetails(row);
  return icon === null ? null : imagePath(icon);
}

/** URL path of a rendered text. */
export function fragmentPath(sha256: string): string {
  return `/media/${sha256}.html`;
}

/** Every object that the details name, with its SHA-256: bucket keys are URL paths without the slash. */
export function mediaKeys(details: VersionDetails): [key: string, sha256: string][] {
  const { icon, screenshots, readme, changelog } = details;
  const images = icon === null ? screenshots : [icon, ...screenshots];
  const texts = [readme, changelog].filter((sha256) => sha256 !== null);
  return [
    ...images.map((image): [string, string] => [imagePath(image).slice(1), image.sha256]),
    ...texts.map((sha256): [string, string] => [fragmentPath(sha256).slice(1), sha256]),
  ];
}
