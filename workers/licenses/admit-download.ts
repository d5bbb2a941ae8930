import type { LeaseClaims } from "@rising-bsm/protocol";
import { licenseState, stateRefusal } from "./license-state.ts";
import type { Refusal } from "./license-state.ts";
import type { Activation, License } from "./tables.ts";

export interface Wanted {
  readonly plugin: string;
  /** Milliseconds since 1970; null when there is no such release. */
  readonly publishedAt: number | null;
  /** Thumbprint of the key that signed the request. */
  readonly jkt: string;
}

/**
 * Why this lease, shown by the holder of this key, does not open this version; null when it does.
 * Grace is for what is installed already: whoever can ask here can renew first.
 */
export function downloadRefusal(lease: LeaseClaims, wanted: Wanted, now: number): Refusal | null {
  if (lease.cnf.jkt !== wanted.jkt) return "license_unknown";
  if (lease.plugin !== wanted.plugin) return "license_wrong_plugin";
  if (lease.exp * 1000 <= now) return "license_ended";
  const { updatesUntil } = lease.lic;
  const { publishedAt } = wanted;
  const covered =
    updatesUntil === null || publishedAt === null || publishedAt <= updatesUntil * 1000;
  return covered ? null : "license_not_covered";
}

/** What the database says of the license that a lease is of. */
export interface LeasedLicense {
  readonly license: Pick<License, "state" | "payment" | "until">;
  /** Null when the instance has none. */
  readonly activation: Pick<Activation, "seq" | "endedAt"> | null;
}

/**
 * Why a lease that has not ended opens nothing more: the license was taken back for good, or its seat
 * was. A suspension waits for the next renewal. What the database does not know, or knows in an older
 * state, it may have lost: then the signed lease counts.
 */
export function withdrawalRefusal(
  { seq }: Pick<LeaseClaims, "seq">,
  leased: LeasedLicense | null,
  now: number,
): Refusal | null {
  if (leased === null) return null;
  const { license, activation } = leased;
  if (licenseState(license, now) === "revoked") return stateRefusal(license, now);
  if (activation === null || activation.endedAt === null) return null;
  return seq <= activation.seq ? "license_returned" : null;
}
