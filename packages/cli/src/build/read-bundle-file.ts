import { BUNDLE_LIMITS } from "@rising-bsm/protocol";
import { readUserFile } from "../read-file.ts";

/** Reads a .rbsm file; one over the size limit is refused before it is read. */
export async function readBundleFile(path: string): Promise<Uint8Array<ArrayBuffer>> {
  return await readUserFile(path, { maxBytes: BUNDLE_LIMITS.fileBytes, code: "bundle_too_large" });
}
