import { stateRefusal } from "./license-state.ts";
import type { Refusal } from "./license-state.ts";
import { findSeat } from "./seat.ts";
import type { Activation, License } from "./tables.ts";

export interface ActivationFacts {
  readonly license: License | null;
  /** What this license already is on this instance, also when it was returned. */
  readonly own: Activation | null;
  /** Seats that other instances hold now. */
  readonly taken: number;
  /** The license under which this instance has tried this plugin before. */
  readonly trialLicenseId: string | null;
}

export type ActivationDecision =
  | {
      readonly kind: "grant";
      readonly license: License;
      readonly own: Activation | null;
      /** It sits above the license's seats. */
      readonly overSeats: boolean;
    }
  | { readonly kind: "stored"; readonly own: Activation }
  | { readonly kind: "refuse"; readonly code: Refusal };

/** May this instance hold this license now? `rid` tells a repeated request from a new one. */
export function admitActivation(
  facts: ActivationFacts,
  request: { readonly plugin: string; readonly rid: string },
  now: number,
): ActivationDecision {
  const { license, own } = facts;
  if (license === null) return { kind: "refuse", code: "license_unknown" };
  // A returned lease is not handed out a second time: its seat may be someone else's by now.
  if (own?.rid === request.rid && own.endedAt === null) return { kind: "stored", own };
  const code = activationRefusal(license, facts, request.plugin) ?? stateRefusal(license, now);
  if (code !== null) return { kind: "refuse", code };
  const seat = findSeat(license, facts.taken);
  return seat === null
    ? { kind: "refuse", code: "license_no_seat" }
    : { kind: "grant", license, own, overSeats: seat === "overage" };
}

function activationRefusal(
  license: License,
  { trialLicenseId }: ActivationFacts,
  plugin: string,
): Refusal | null {
  if (license.plugin !== plugin) return "license_wrong_plugin";
  const triedBefore = trialLicenseId !== null && trialLicenseId !== license.id;
  return license.kind === "trial" && triedBefore ? "license_trial_used" : null;
}
