import { assertPublicKey } from "@rising-bsm/protocol";
import { writeDatabase } from "../database.ts";
import { networkDayOf } from "../network-days.ts";
import { registrationAudit } from "./instance-audit.ts";
import type { InstanceRequest } from "./instance-request.ts";
import { newInstance } from "./new-instance.ts";
import { registerInstance } from "./queries.ts";

/** Makes the instance that asks known, once; false when `most` of its network came before on this day. */
export async function register(
  { env, proof, requestId, address }: InstanceRequest,
  most: number,
): Promise<boolean> {
  assertPublicKey(proof.publicKey);
  const now = Date.now();
  const instance = newInstance(proof, now);
  const network = await networkDayOf(env, address, now);
  const entry = registrationAudit(instance.id, { at: now, requestId });
  return registerInstance(writeDatabase(env), { instance, network, most }, entry);
}
