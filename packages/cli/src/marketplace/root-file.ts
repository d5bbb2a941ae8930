import { CLIENT_LIMITS } from "@rising-bsm/protocol";
import { readUserFile } from "../read-file.ts";

/** Reads the marketplace's root.json. */
export async function readRootFile(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const limit = { maxBytes: CLIENT_LIMITS.rootBytes, code: "trust_root_invalid" } as const;
  return await readUserFile(path, limit);
}
