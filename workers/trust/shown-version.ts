import { RbsmError, TRUST_LIMITS, parseJson } from "@rising-bsm/protocol";
import { z } from "zod";

export const TIMESTAMP_KEY = "tuf/timestamp.json";

const meta = z.object({ version: z.int().positive() });
const timestampFile = z.object({
  signed: meta.extend({ meta: z.object({ "snapshot.json": meta }) }),
});
const snapshotFile = z.object({
  signed: z.object({ meta: z.object({ "targets.json": meta }) }),
});

/**
 * Version of the timestamp in the bucket; 0 when there is none. Hosts never go back to older targets,
 * so a database that was restored to before a ceremony has to be given its files again first.
 */
export async function readShownVersion(bucket: R2Bucket, targetsVersion: number): Promise<number> {
  const object = await bucket.get(TIMESTAMP_KEY);
  if (object === null) return 0;
  const { signed } = timestampFile.parse(await readJson(object));
  const snapshot = await bucket.get(`tuf/${signed.meta["snapshot.json"].version}.snapshot.json`);
  if (snapshot === null) return signed.version;
  const shown = snapshotFile.parse(await readJson(snapshot)).signed.meta["targets.json"].version;
  if (shown > targetsVersion) {
    const message = `Targets ${shown} are published, the database knows ${targetsVersion}`;
    const fix = "Send the files of the last ceremony again: npm run deploy -- --trust DIR";
    throw new RbsmError("log_ahead", message, { fix });
  }
  return signed.version;
}

async function readJson(object: R2ObjectBody): Promise<unknown> {
  const limits = { maxBytes: TRUST_LIMITS.envelopeBytes, code: "trust_metadata_invalid" as const };
  return parseJson(await object.text(), limits);
}
