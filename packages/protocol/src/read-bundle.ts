import { archiveBytes } from "./archive-digest.ts";
import { MANIFEST_ENTRY } from "./bundle-profile.ts";
import { sha256Hex } from "./encoding.ts";
import { RbsmError } from "./errors.ts";
import { parseManifest } from "./manifest.ts";
import type { Manifest } from "./manifest-schema.ts";
import { readRecords, unpackRecords } from "./open-bundle.ts";
import { announcedArchiveDigest } from "./statements.ts";
import { treeDigest } from "./tree-digest.ts";

/** A bundle that is sound in itself. Who made it is for `verifyPublisher` to say. */
export interface Bundle {
  readonly sha256: string;
  readonly size: number;
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly manifest: Manifest;
  readonly treeDigest: string;
}

/**
 * Reads a `.rbsm` file: strict ZIP, manifest, every file the manifest names, digests. A signed file
 * has to be byte for byte the archive that was signed. Throws `bundle_*` and `manifest_*`, and
 * `signature_invalid` for a signature file that cannot be read. The result may hold views on
 * `bytes`: do not change them while it is in use.
 */
export async function readBundle(bytes: Uint8Array): Promise<Bundle> {
  const records = readRecords(bytes);
  const files = unpackRecords(bytes, records);
  const manifestBytes = files.get(MANIFEST_ENTRY);
  if (manifestBytes === undefined) throw new RbsmError("manifest_missing");
  const manifest = parseManifest(manifestBytes);
  assertNamedFiles(manifest, files);
  const announced = announcedArchiveDigest(files);
  const [sha256, tree, archive] = await Promise.all([
    sha256Hex(bytes),
    treeDigest(files),
    announced === null ? null : sha256Hex(archiveBytes(bytes, records)),
  ]);
  if (archive !== announced) {
    throw new RbsmError("bundle_digest_mismatch", "The archive was changed after it was signed");
  }
  return { sha256, size: bytes.length, files, manifest, treeDigest: tree };
}

function assertNamedFiles(manifest: Manifest, files: ReadonlyMap<string, Uint8Array>): void {
  const { main, icon, readme, changelog, screenshots } = manifest;
  const named = [main, icon, readme, changelog, ...screenshots];
  const missing = named.find((name) => name !== undefined && !files.has(name));
  if (missing !== undefined) {
    throw new RbsmError(
      "bundle_missing_entry",
      `The manifest names ${missing}, which is not in the bundle`,
      {
        entry: missing,
      },
    );
  }
}
