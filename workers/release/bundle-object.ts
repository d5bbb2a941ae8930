import { RbsmError, bundlePath } from "@rising-bsm/protocol";
import { CACHE } from "../http.ts";
import { putOnce } from "../objects.ts";

const headers = { contentType: "application/octet-stream", cacheControl: CACHE.immutable };

/**
 * Stores the bytes under their hash where nobody can fetch them without a grant. Only the version
 * that wins its row is copied to the public bucket, so a loser of a race is never served.
 */
export function stageBundle(
  bucket: R2Bucket,
  sha256: string,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<void> {
  return putOnce(bucket, { key: bundleKey(sha256), bytes, headers });
}

/** Copies a free bundle to where everybody can fetch it, unless it is there. */
export async function exposeBundle(
  { from, to }: { from: R2Bucket; to: R2Bucket },
  sha256: string,
): Promise<void> {
  const key = bundleKey(sha256);
  if ((await to.head(key)) !== null) return;
  const staged = await from.get(key);
  if (staged === null) throw new RbsmError("internal", `The bundle ${sha256} is not stored`);
  await putOnce(to, { key, bytes: new Uint8Array(await staged.arrayBuffer()), headers });
}

function bundleKey(sha256: string): string {
  return bundlePath(sha256).slice(1);
}
