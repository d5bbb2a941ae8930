import { base64url, fromBase64url } from "@rising-bsm/protocol";
import { uuidOf } from "../uuid.ts";
import type { InstanceProof } from "./instance-proof.ts";
import type { Instance } from "./tables.ts";

/**
 * An instance that has proven its key. The id follows from the key: a database that was set back
 * gives the same one again, and the leases that name it stay good.
 */
export function newInstance(
  { publicKey, instanceKeyJkt: jkt }: Pick<InstanceProof, "publicKey" | "instanceKeyJkt">,
  now: number,
): Instance {
  return { id: uuidOf(fromBase64url(jkt)), publicKey: base64url(publicKey), jkt, createdAt: now };
}
