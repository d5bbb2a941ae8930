import { fragmentPath } from "../media/details.ts";

/** The HTML made of a release's text; null when the release has none, or it is not there yet. */
export async function readFragment(
  bundles: R2Bucket,
  sha256: string | null,
): Promise<string | null> {
  if (sha256 === null) return null;
  const object = await bundles.get(fragmentPath(sha256).slice(1));
  return object === null ? null : object.text();
}
