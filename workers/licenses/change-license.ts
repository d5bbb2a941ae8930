import { LICENSE_LIMITS, RbsmError } from "@rising-bsm/protocol";
import { addPeriod } from "./issue-license.ts";
import { licenseState } from "./license-state.ts";
import type { License } from "./tables.ts";

export const LICENSE_ACTIONS = ["suspend", "reinstate", "revoke", "renew", "transfer"] as const;
export type LicenseAction = (typeof LICENSE_ACTIONS)[number];

type LicensePatch = Partial<Pick<License, "state" | "until" | "updatesUntil" | "transferredAt">>;

const CHANGES: Record<LicenseAction, (license: License, now: number) => LicensePatch> = {
  suspend: () => ({ state: "suspended" }),
  reinstate: () => ({ state: "active" }),
  revoke: () => ({ state: "revoked" }),
  renew: renewal,
  transfer,
};

/**
 * What the action changes; it acts on hosts when they renew next. Revoked is for good, and so is a
 * payment that was returned. Throws `conflict_state`.
 */
export function changeLicense(license: License, action: LicenseAction, now: number): LicensePatch {
  if (licenseState(license, now) === "revoked") throw wrongState(license, action);
  return CHANGES[action](license, now);
}

/** The next period follows the paid one without a gap, or starts now when that has run out. */
function renewal(license: License, now: number): LicensePatch {
  const { period } = license;
  if (period === null || license.kind === "trial") throw wrongState(license, "renew");
  const next = (end: number | null) => addPeriod(Math.max(now, end ?? now), period);
  return license.kind === "perpetual"
    ? { updatesUntil: next(license.updatesUntil) }
    : { until: next(license.until) };
}

function transfer(license: License, now: number): LicensePatch {
  const cooldown = LICENSE_LIMITS.transferCooldownMs;
  const coolUntil = license.transferredAt === null ? 0 : license.transferredAt + cooldown;
  const isSuspended = licenseState(license, now) === "suspended";
  if (license.kind === "trial" || isSuspended || coolUntil > now) {
    throw wrongState(license, "transfer");
  }
  return { transferredAt: now };
}

function wrongState({ kind, state, payment }: License, action: LicenseAction): RbsmError {
  const detail = { state, payment };
  return new RbsmError("conflict_state", `The ${kind} license cannot ${action} now`, detail);
}
