import { LICENSE_LIMITS } from "@rising-bsm/protocol";
import { stateRefusal } from "../licenses/license-state.ts";
import { findSeat } from "../licenses/seat.ts";
import type { Activation, License } from "../licenses/tables.ts";
import { isHostNumber, namesPlugin } from "./plugin-id.ts";
import type { PluginId } from "./plugin-id.ts";
import type { LegacyLicense } from "./tables.ts";

/** The old system's own words: hosts show them, and compare them. */
export const REFUSALS = {
  unknown: "License not found",
  inactive: "License is not active",
  plugin: "License is for a different plugin",
  hardware: "License is bound to different hardware",
  installs: "Installation limit exceeded",
  trial: "Trial was used on this hardware before",
  signature: "Invalid signature",
} as const;
export type LegacyRefusal = (typeof REFUSALS)[keyof typeof REFUSALS];

export interface VerificationFacts {
  readonly license: License | null;
  readonly legacy: LegacyLicense | null;
  /** What the license already is on this hardware. */
  readonly own: Activation | null;
  /** Seats that others hold now; 0 where seats are unlimited. */
  readonly taken: number;
  /** The license under which this hardware has tried the plugin before. */
  readonly trialLicenseId: string | null;
  /** Unknown keys that came from this hardware in the running window, with this one. */
  readonly attempts: number;
}

export interface Verification {
  readonly pluginId: PluginId;
  /** SHA-256 of the hardware id. */
  readonly hardware: string;
}

export type Decision =
  | { readonly kind: "refuse"; readonly error: LegacyRefusal }
  /** It runs here, and its seat is held for long enough. */
  | { readonly kind: "keep"; readonly license: License }
  /** It runs here: the seat is held for longer. */
  | { readonly kind: "hold"; readonly license: License; readonly own: Activation }
  /** A seat has to be taken first. */
  | { readonly kind: "take"; readonly license: License; readonly overSeats: boolean }
  | { readonly kind: "limit" };

/** How long a verification holds a seat: as long as a lease runs. */
export const HOLD_MS = LICENSE_LIMITS.leaseMs;
/** Hosts may ask as often as they like; a seat is not written anew each time. */
const REFRESH_MS = 3_600_000;

/**
 * May this hardware run the license now? A host that runs it has its seat, so the seats are looked
 * at only for one that does not: full seats stop nobody who is in.
 */
export function decideVerification(
  facts: VerificationFacts,
  request: Verification,
  now: number,
): Decision {
  const { license, own } = facts;
  if (license === null) {
    const guesses = facts.attempts > LICENSE_LIMITS.activationAttempts;
    return guesses ? { kind: "limit" } : { kind: "refuse", error: REFUSALS.unknown };
  }
  const error = refusalOf(license, facts, { request, now });
  if (error !== null) return { kind: "refuse", error };
  if (own !== null && own.endedAt === null && own.heldUntil > now) {
    const isFresh =
      own.heldUntil >= heldUntil(license, now) - REFRESH_MS && hasNumber(own, request);
    return isFresh ? { kind: "keep", license } : { kind: "hold", license, own };
  }
  return decideSeat(license, facts);
}

function refusalOf(
  license: License,
  { legacy, own }: VerificationFacts,
  { request, now }: { readonly request: Verification; readonly now: number },
): LegacyRefusal | null {
  if (stateRefusal(license, now) !== null) return REFUSALS.inactive;
  if (!isFor(license, own, request.pluginId)) return REFUSALS.plugin;
  const bound = legacy?.hardware ?? null;
  return bound === null || bound === request.hardware ? null : REFUSALS.hardware;
}

function decideSeat(license: License, { taken, trialLicenseId }: VerificationFacts): Decision {
  if (license.kind === "trial" && trialLicenseId !== null && trialLicenseId !== license.id) {
    return { kind: "refuse", error: REFUSALS.trial };
  }
  const seat = findSeat(license, taken);
  if (seat === null) return { kind: "refuse", error: REFUSALS.installs };
  return { kind: "take", license, overSeats: seat === "overage" };
}

/** A host's own number cannot be looked up; the first one that hardware sends is the plugin's there. */
function isFor(license: License, own: Activation | null, id: PluginId): boolean {
  if (!isHostNumber(id)) return namesPlugin(id, license.plugin);
  return own === null || own.rid === "" || own.rid === String(id);
}

function hasNumber(own: Activation, { pluginId }: Verification): boolean {
  return !isHostNumber(pluginId) || own.rid !== "";
}

/** What hardware is called in `rid`, where instances have the id of their request. */
export function hostNumberOf(own: Activation | null, { pluginId }: Verification): string {
  return isHostNumber(pluginId) ? String(pluginId) : (own?.rid ?? "");
}

/** Until when the seat is held by a verification now. */
export function heldUntil({ until }: Pick<License, "until">, now: number): number {
  return Math.min(now + HOLD_MS, until ?? Infinity);
}
