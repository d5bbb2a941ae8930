import { isSignatureEntry } from "./bundle-profile.ts";
import { concatBytes, sha256Hex } from "./encoding.ts";
import { readRecords, type BundleRecord } from "./open-bundle.ts";
import { packBundle } from "./pack-bundle.ts";

/**
 * The local records, headers and packed data, of every entry outside `signatures/`. Adding or
 * removing signatures does not change them, so a signature can cover the archive it lies in.
 */
export function archiveBytes(bytes: Uint8Array, records: readonly BundleRecord[]): Uint8Array {
  const covered = records.filter(({ name }) => !isSignatureEntry(name));
  return concatBytes(...covered.map(({ start, end }) => bytes.subarray(start, end)));
}

/** SHA-256 in hexadecimal of the `archiveBytes` that `packBundle` writes for these files. */
export function archiveDigest(files: ReadonlyMap<string, Uint8Array>): Promise<string> {
  const bytes = packBundle(files);
  return sha256Hex(archiveBytes(bytes, readRecords(bytes)));
}
