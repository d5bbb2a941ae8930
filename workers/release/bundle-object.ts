import { RbsmError, bundlePath } from "@rising-bsm/protocol";
import { CACHE } from "../http.ts";
import { putIfUnchanged, putOnce, storedSha256 } from "../objects.ts";
import type { Version } from "../schema.ts";

const headers = { contentType: "application/octet-stream", cacheControl: CACHE.immutable };

/** An uploaded bundle and the version that it was uploaded as; `paid` is whether that needs a license. */
export type StagedBundle = Pick<Version, "plugin" | "version" | "sha256" | "paid">;

/**
 * Stores the bytes under their hash where nobody can fetch them without a grant. Only the version
 * that wins its row is copied to the public bucket, so a loser of a race is never served.
 */
export async function stageBundle(
  bucket: R2Bucket,
  { plugin, version, sha256, paid }: StagedBundle,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<void> {
  const key = bundleKey(sha256);
  if (await holdsBundle(bucket, sha256)) return;
  const customMetadata = { plugin, version, ...(paid ? LICENSED : {}) };
  await putOnce(bucket, { key, bytes, headers, customMetadata });
}

const LICENSED = { licensed: "true" };

/** Whether the staged bundle stays where only a link opens it; false where that is not known. */
export function isLicensed({ customMetadata }: Pick<R2Object, "customMetadata">): boolean {
  return customMetadata?.["licensed"] === LICENSED.licensed;
}

/** Whether a version lives from its staged copy: it is sold, or not yet where everybody can fetch it. */
export function needsStaged({ paid, status }: Pick<Version, "paid" | "status">): boolean {
  return paid || (status !== "released" && status !== "published");
}

/** Moves a free bundle to where everybody can fetch it; repeating it finishes what was interrupted. */
export async function exposeBundle(
  { from, to }: { from: R2Bucket; to: R2Bucket },
  sha256: string,
): Promise<void> {
  const key = bundleKey(sha256);
  if (!(await holdsBundle(to, sha256)) && !(await copyBundle({ from, to }, key))) {
    throw new RbsmError("internal", `The bundle ${sha256} is not stored`);
  }
  await from.delete(key);
}

/** Whether it was copied: it is there, and nothing else was in its place. */
async function copyBundle(
  { from, to }: { from: R2Bucket; to: R2Bucket },
  key: string,
): Promise<boolean> {
  const staged = await from.get(key);
  if (staged === null) return false;
  const bytes = new Uint8Array(await staged.arrayBuffer());
  return putIfUnchanged(to, { key, bytes, headers }, null);
}

/** Whether the bucket has these bytes: R2 checked the hash when they were written. */
export async function holdsBundle(bucket: R2Bucket, sha256: string): Promise<boolean> {
  const object = await bucket.head(bundleKey(sha256));
  return object !== null && storedSha256(object) === sha256;
}

export function bundleKey(sha256: string): string {
  return bundlePath(sha256).slice(1);
}
