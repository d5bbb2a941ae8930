import type { LeaseClaims } from "@rising-bsm/protocol";
import type { Refusal } from "./grant-lease.ts";

export interface Wanted {
  readonly plugin: string;
  /** Milliseconds since 1970. */
  readonly publishedAt: number;
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
  const covered = updatesUntil === null || wanted.publishedAt <= updatesUntil * 1000;
  return covered ? null : "license_not_covered";
}
