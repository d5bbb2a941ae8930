import { SERVICE_KEYS_TARGET, equalBytes } from "@rising-bsm/protocol";
import { signingKey } from "../env.ts";
import type { Bindings } from "../env.ts";
import { jsonObject, putOnce, putReplacing } from "../objects.ts";
import { checkTrust } from "./check-trust.ts";
import type { CheckedTrust, OnlineKeys, TrustFiles } from "./check-trust.ts";
import { pointsAt, publishHeads } from "./publish-heads.ts";

/** The newest root, for the check of the next one; hosts fetch roots by their number. */
const LATEST_ROOT = "tuf/root.json";

/**
 * Takes the files of a ceremony into service. Hosts see nothing of them before the last step but one;
 * a repetition finishes what an interrupted upload left.
 */
export async function acceptTrust(
  env: Bindings,
  files: TrustFiles,
  now: Date,
): Promise<Pick<CheckedTrust, "rootVersion" | "targetsVersion">> {
  const previousRoot = await readLatestRoot(env.BUNDLES);
  const checked = await checkTrust(files, { keys: await onlineKeys(env), previousRoot, now });
  const { rootVersion, targetsVersion, serviceKeysSha256 } = checked;
  const store = (name: string, bytes: Uint8Array<ArrayBuffer>) =>
    putOnce(env.BUNDLES, jsonObject(`tuf/${name}`, bytes, "immutable"));
  await store(`targets/${serviceKeysSha256}.${SERVICE_KEYS_TARGET}`, files.serviceKeys);
  await store(`${targetsVersion}.targets.json`, files.targets);
  await store(`${rootVersion}.root.json`, files.root);
  const isSameRoot = previousRoot !== null && equalBytes(previousRoot, files.root);
  if (!isSameRoot || !(await pointsAt(env.BUNDLES, targetsVersion))) {
    await publishHeads(env, { targetsVersion, now });
  }
  await putReplacing(env.BUNDLES, jsonObject(LATEST_ROOT, files.root, "pointer"));
  return { rootVersion, targetsVersion };
}

async function readLatestRoot(bucket: R2Bucket): Promise<Uint8Array<ArrayBuffer> | null> {
  const object = await bucket.get(LATEST_ROOT);
  return object === null ? null : new Uint8Array(await object.arrayBuffer());
}

async function onlineKeys(env: Bindings): Promise<OnlineKeys> {
  const publicKey = async (name: Parameters<typeof signingKey>[1]) =>
    (await signingKey(env, name)).publicKey;
  return {
    release: await publicKey("RELEASE_KEY"),
    lease: await publicKey("LEASE_KEY"),
    snapshot: await publicKey("SNAPSHOT_KEY"),
    timestamp: await publicKey("TIMESTAMP_KEY"),
  };
}
