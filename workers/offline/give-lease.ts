import { LICENSE_LIMITS, RbsmError } from "@rising-bsm/protocol";
import type { LeaseClaims, OfflineRequest } from "@rising-bsm/protocol";
import { activateLicense } from "../licenses/activate-license.ts";
import type { InstanceRequest } from "../licenses/instance-request.ts";
import { newInstance } from "../licenses/new-instance.ts";
import { renewLease } from "../licenses/renew-lease.ts";
import { resumeLease } from "../licenses/resume-lease.ts";
import { verifyOwnLease } from "../licenses/verify-own-lease.ts";

/** A lease that was given, now or to the same request before. */
export interface GivenLease {
  readonly activationId: string;
  readonly lease: string;
  readonly claims: LeaseClaims;
}

/**
 * The lease that the request asks for; the same request again gets the same one while that runs.
 * Throws what an activation or a renewal throws.
 */
export async function giveLease(
  asked: InstanceRequest,
  request: OfflineRequest,
): Promise<GivenLease> {
  const given = await verified(asked, await firstLease(asked, request));
  if (given.claims.plugin !== request.plugin) throw new RbsmError("license_wrong_plugin");
  if (given.claims.exp * 1000 > Date.now()) return given;
  // A request that comes again after months: what it was given has ended, and is of no use any more.
  const again = { ...asked, proof: { ...asked.proof, rid: `${asked.proof.rid}/again` } };
  const { activationId, claims } = given;
  const lease = await renewLease(again, { activationId, seq: claims.seq });
  return verified(asked, { activationId, lease });
}

type Unverified = Pick<GivenLease, "activationId" | "lease">;

async function verified(
  { env, proof }: InstanceRequest,
  { activationId, lease }: Unverified,
): Promise<GivenLease> {
  const claims = await verifyOwnLease(env, lease, proof.instanceKeyJkt);
  return { activationId, lease, claims };
}

async function firstLease(asked: InstanceRequest, request: OfflineRequest): Promise<Unverified> {
  const { license, plugin } = request;
  if ("key" in license) {
    const wanted = { licenseKey: license.key, plugin, instanceId: newInstance(asked.proof, 0).id };
    const { id, lease } = await activateLicense(asked, wanted);
    return { activationId: id, lease };
  }
  const { activationId, seq } = license;
  const lease = await renewLease(asked, { activationId, seq }).catch((error: unknown) => {
    const isConflict = error instanceof RbsmError && error.code === "license_conflict";
    if (!isConflict) throw error;
    assertRecent(request);
    return resumeLease(asked, license);
  });
  return { activationId, lease };
}

/**
 * A file lies about for longer than a request over the network does: whoever finds an old one must
 * not use up what its host may resume.
 */
function assertRecent({ iat }: OfflineRequest): void {
  if (Math.abs(Date.now() - iat * 1000) <= LICENSE_LIMITS.resumeWindowMs) return;
  throw new RbsmError("license_conflict", "The request is for a lease that was renewed since", {
    fix: "Make a new request on the host. If the host was restored from a backup, name the license key: --key.",
  });
}
