import type { ActivationInfo, LicenseInfo } from "@rising-bsm/protocol";
import { isoTime } from "../iso-time.ts";
import { FOR_EVER } from "./grant-lease.ts";
import { licenseState } from "./license-state.ts";
import type { Activation, License } from "./tables.ts";

/** A license as those see it who sell it. Its key is nobody's to see. */
export function showLicense(license: License, now: number): LicenseInfo {
  const { plugin, plan, kind, payment, seats, overage, users, org, period, orderId } = license;
  return {
    licenseId: license.id,
    plugin,
    plan,
    kind,
    state: licenseState(license, now),
    payment,
    seats,
    overage,
    users,
    entitlements: license.entitlements,
    org,
    period,
    until: isoTime(license.until),
    updatesUntil: isoTime(license.updatesUntil),
    transferredAt: isoTime(license.transferredAt),
    orderId,
    createdAt: isoTime(license.createdAt),
  };
}

/** A license on an instance, without the lease: that is the instance's. */
export function showActivation(activation: Activation): ActivationInfo {
  const { id, instanceId, seq, overSeats, conflicts, resumes, heldUntil } = activation;
  return {
    activationId: id,
    instanceId,
    seq,
    overSeats,
    conflicts,
    resumes,
    leaseUntil: isoTime(activation.leaseUntil),
    heldUntil: heldUntil === FOR_EVER ? null : isoTime(heldUntil),
    endedAt: isoTime(activation.endedAt),
    conflictsSince: isoTime(activation.conflictsSince),
    createdAt: isoTime(activation.createdAt),
  };
}
