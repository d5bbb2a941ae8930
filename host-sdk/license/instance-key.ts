import { join } from "node:path";
import { RbsmError, signingKeyFromSeed, type SigningKey } from "@rising-bsm/protocol";
import { openKeyFile } from "../disk/key-file.ts";

/**
 * The key that is this instance: read from `instance.key` in the data directory, made there the
 * first time. The private part never leaves the file and this process. Throws
 * `license_instance_key` when the file is damaged: a new key would be a new instance without any
 * of the old one's licenses, so none is made in its place.
 */
export async function openInstanceKey(dataDir: string): Promise<SigningKey> {
  const path = join(dataDir, "instance.key");
  const seed = await openKeyFile(path);
  if (seed !== null) return signingKeyFromSeed(seed);
  throw new RbsmError("license_instance_key", `${path} does not hold an instance key`, {
    fix: "Restore the file from a backup, or delete it and activate your licenses again.",
  });
}
