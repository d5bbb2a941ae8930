import { BEACON_LIMITS, hashLicenseKey, LICENSE_LIMITS, RbsmError } from "@rising-bsm/protocol";
import { writeDatabase } from "../database.ts";
import { aboveQuota } from "../network-days.ts";
import { admitActivation } from "./admit-activation.ts";
import { NO_CONFLICTS } from "./decide-resume.ts";
import { assertDeliverable } from "./grant-lease.ts";
import { instanceAudit } from "./instance-audit.ts";
import type { InstanceRequest } from "./instance-request.ts";
import { startTrial } from "./issue-license.ts";
import { newInstance } from "./new-instance.ts";
import { forgiveAttempt, loadActivation, writeActivation } from "./queries.ts";
import type { LoadedActivation } from "./queries.ts";
import { register } from "./register.ts";
import { signNextLease } from "./sign-lease.ts";
import type { Activation, License } from "./tables.ts";

export interface WantedLicense {
  readonly licenseKey: string;
  readonly plugin: string;
  readonly instanceId: string;
}

/**
 * Puts the license on the instance; the same request again gets the same lease. Throws a `license_…`
 * code, `limit_rate` after too many refused keys or of too many new instances of one network,
 * `auth_proof_invalid` for another instance's key.
 */
export async function activateLicense(
  request: InstanceRequest,
  wanted: WantedLicense,
): Promise<Activation> {
  const db = writeDatabase(request.env);
  const { plugin, instanceId } = wanted;
  const { instanceKeyJkt: jkt, rid } = request.proof;
  const isOwnId = newInstance(request.proof, 0).id === instanceId;
  const keyHash = await hashLicenseKey(wanted.licenseKey);
  // A seat that another request took in between is decided once more, then it is refused.
  for (let tries = 0; tries < 4; tries++) {
    const now = Date.now();
    const loaded = await loadActivation(db, { keyHash, plugin, instanceId, jkt }, now);
    assertMayTry(loaded, isOwnId);
    const decision = admitActivation(loaded.facts, { plugin, rid }, now);
    const isRefused = decision.kind === "refuse";
    if (isRefused && (loaded.attempts !== null || decision.code !== "license_unknown")) {
      throw new RbsmError(decision.code);
    }
    if (isRefused || loaded.attempts === null) {
      await becomeKnown(request, isRefused, now);
      continue;
    }
    if (decision.kind === "stored") {
      await forgiveAttempt(db, instanceId);
      return decision.own;
    }
    const { license, own } = decision;
    assertDeliverable(license, request.delivery);
    const activation = await makeActivation(request, { ...decision, instanceId }, now);
    const write = { activation, own, license, begun: startTrial(license, now), now };
    const fact = { at: now, requestId: request.requestId };
    const entries = {
      activated: instanceAudit(activation, { ...fact, action: "license.activate" }),
      overSeats: instanceAudit(activation, { ...fact, action: "license.overage" }),
    };
    if (await writeActivation(db, write, entries)) return activation;
  }
  throw new RbsmError("unavailable", "The license is being activated elsewhere at this moment");
}

function assertMayTry({ attempts }: LoadedActivation, isOwnId: boolean): void {
  if (attempts === null && !isOwnId) {
    throw new RbsmError("auth_proof_invalid", "The instance has another key");
  }
  if (attempts !== null && attempts > LICENSE_LIMITS.activationAttempts) {
    throw new RbsmError("limit_rate", "Too many license keys were refused", {
      fix: "Check the key, wait an hour and try again.",
    });
  }
}

/**
 * Only an instance that is known has its tries of wrong keys counted. Who brings a license that it may hold is not kept out by
 * what others of its network registered.
 */
async function becomeKnown(
  request: InstanceRequest,
  isRefused: boolean,
  now: number,
): Promise<void> {
  const { registrationsPerNetwork, registrationsWithLicense } = BEACON_LIMITS;
  if (await register(request, isRefused ? registrationsPerNetwork : registrationsWithLicense))
    return;
  throw aboveQuota("Too many new instances of one network today", now);
}

interface Seat {
  readonly license: License;
  readonly own: Activation | null;
  readonly instanceId: string;
  readonly overSeats: boolean;
}

async function makeActivation(
  { env, proof, delivery }: InstanceRequest,
  { license, own, instanceId, overSeats }: Seat,
  now: number,
): Promise<Activation> {
  const id = own?.id ?? crypto.randomUUID();
  const terms = {
    license: startTrial(license, now),
    activationId: id,
    instanceId,
    jkt: proof.instanceKeyJkt,
    seq: (own?.seq ?? 0) + 1,
    nonce: proof.nonce,
    delivery,
    overSeats,
    before: own,
  };
  return {
    id,
    licenseId: license.id,
    instanceId,
    plugin: license.plugin,
    // An instance has had its trial, whatever has become of the license since.
    trial: license.kind === "trial" || own?.trial === true,
    rid: proof.rid,
    endedAt: null,
    ...NO_CONFLICTS,
    createdAt: own?.createdAt ?? now,
    ...(await signNextLease(env, terms, now)),
  };
}
