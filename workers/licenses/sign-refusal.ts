import { RbsmError, signRefusal } from "@rising-bsm/protocol";
import type { RefusalClaims } from "@rising-bsm/protocol";
import { signingKey } from "../env.ts";
import type { HeldActivation } from "./grant-lease.ts";
import type { InstanceRequest } from "./instance-request.ts";
import type { Refusal } from "./license-state.ts";

/** Reasons that the holder of a lease is told, and that end its grace or not (`verifyRefusal`). */
const REASONS: Partial<Record<Refusal, RefusalClaims["reason"]>> = {
  license_suspended: "suspended",
  license_revoked: "revoked",
  license_disputed: "disputed",
  license_refunded: "refunded",
  license_returned: "returned",
  license_ended: "ended",
};

export interface Refused {
  readonly code: Refusal;
  /** Of the lease that the instance holds. */
  readonly seq: number;
  /** What the instance holds, proven by its own key; a stranger is told nothing. */
  readonly held: Pick<HeldActivation, "license"> & {
    readonly activation: Pick<HeldActivation["activation"], "id" | "instanceId">;
  };
}

/** The refusal with the marketplace's signed word for the holder of the lease. */
export async function refuseHolder(
  { env, proof }: InstanceRequest,
  { code, seq, held }: Refused,
  now: number,
): Promise<RbsmError> {
  const reason = REASONS[code];
  if (reason === undefined) return new RbsmError(code);
  const { license, activation } = held;
  const claims = {
    aud: activation.instanceId,
    sub: license.id,
    activation: activation.id,
    plugin: license.plugin,
    iat: Math.floor(now / 1000),
    seq,
    reason,
    ...(proof.nonce === undefined ? {} : { nonce: proof.nonce }),
  };
  const key = await signingKey(env, "LEASE_KEY");
  const refusal = await signRefusal(claims, { kid: key.keyId, privateKey: key });
  return new RbsmError(code, undefined, { refusal });
}
