import {
  fromBase64,
  SERVICE_KEYS_TARGET,
  serviceKeysSchema,
  targetPath,
} from "@rising-bsm/protocol";
import type { ServiceKeys } from "@rising-bsm/protocol";
import type { Database } from "../database.ts";
import { readMetadata } from "./check-trust.ts";
import { loadInForce } from "./queries.ts";

/** The online keys that the targets in force list; null before the first ceremony. */
export async function loadServiceKeys(bucket: R2Bucket, db: Database): Promise<ServiceKeys | null> {
  const signed = [...(await loadInForce(db))].find(([key]) => key.endsWith(".targets.json"));
  if (signed === undefined) return null;
  const { targets } = readMetadata(fromBase64(signed[1]), "targets").signed;
  const sha256 = targets[SERVICE_KEYS_TARGET]?.hashes["sha256"] ?? "";
  const object = await bucket.get(targetPath(SERVICE_KEYS_TARGET, sha256).slice(1));
  return object === null ? null : serviceKeysSchema.parse(await object.json());
}
