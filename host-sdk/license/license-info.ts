import type { LeaseClaims } from "@rising-bsm/protocol";
import type { LeaseCheck } from "./check-lease.ts";

/** What `api.license.info()` answers; times are ISO 8601. */
export type LicenseInfo = {
  readonly state: "none" | LeaseCheck["state"];
  readonly kind: LeaseClaims["lic"]["kind"] | null;
  /** Who the license was sold to. */
  readonly org: string | null;
  readonly entitlements: Record<string, boolean | number>;
  /** End of the paid time. */
  readonly until: string | null;
  /** Versions published later are not covered. */
  readonly updatesUntil: string | null;
  /** When the state changes if no renewal gets through. */
  readonly stateUntil: string | null;
  readonly seats: number | null;
  readonly users: number | null;
};

/** The answer for a plugin without a license. */
export const NO_LICENSE: LicenseInfo = {
  state: "none",
  kind: null,
  org: null,
  entitlements: {},
  until: null,
  updatesUntil: null,
  stateUntil: null,
  seats: null,
  users: null,
};

/** Verified claims and what they allow now, in the words of the plugin API. */
export function describeLicense({ lic, ent, org }: LeaseClaims, check: LeaseCheck): LicenseInfo {
  return {
    state: check.state,
    kind: lic.kind,
    org: org ?? null,
    entitlements: check.state === "restricted" ? {} : { ...ent },
    until: isoSeconds(lic.until),
    updatesUntil: isoSeconds(lic.updatesUntil),
    stateUntil: check.until === null ? null : new Date(check.until).toISOString(),
    seats: lic.seats,
    users: lic.users,
  };
}

/** Entitlements that are on: `true`, or a number other than 0. */
export function paidEntitlements({ ent }: LeaseClaims, { state }: LeaseCheck): string[] {
  if (state === "restricted") return [];
  return Object.keys(ent).filter((name) => ent[name] !== false && ent[name] !== 0);
}

/** A time of a lease as ISO 8601. */
export function isoSeconds(seconds: number): string;
export function isoSeconds(seconds: number | null): string | null;
export function isoSeconds(seconds: number | null): string | null {
  return seconds === null ? null : new Date(seconds * 1000).toISOString();
}
