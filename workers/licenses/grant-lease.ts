import { LICENSE_LIMITS, RbsmError } from "@rising-bsm/protocol";
import { stateRefusal } from "./license-state.ts";
import type { Refusal } from "./license-state.ts";
import type { Activation, License } from "./tables.ts";

export interface HeldActivation {
  readonly activation: Activation;
  readonly license: License;
  /** Thumbprint of the key of the instance that holds the activation. */
  readonly jkt: string;
}

export interface RenewalRequest {
  readonly seq: number;
  readonly rid: string;
  /** Thumbprint of the key that signed the request. */
  readonly jkt: string;
}

export type RenewalDecision =
  | { readonly kind: "grant"; readonly held: HeldActivation; readonly seq: number }
  | { readonly kind: "stored"; readonly lease: string }
  /** `spent`: the lease with this `seq` was renewed by somebody; otherwise it is not known here. */
  | { readonly kind: "conflict"; readonly held: HeldActivation | null; readonly spent: boolean }
  /** `held` is whose own word the refusal may be; null is a stranger's request. */
  | { readonly kind: "refuse"; readonly code: Refusal; readonly held: HeldActivation | null };

/**
 * The host sends the `seq` of the lease it holds and a `rid` it has written down. The stored
 * answer comes before the license's state: it was granted already, and asking again must not
 * change what the host was told. An activation that is not known, or a `seq` that was not given out
 * yet, is what a host sees whose marketplace was set back: it may show its lease and resume.
 */
export function decideRenewal(
  held: HeldActivation | null,
  { seq, rid, jkt }: RenewalRequest,
  now: number,
): RenewalDecision {
  if (held === null) return { kind: "conflict", held, spent: false };
  if (held.jkt !== jkt) return { kind: "refuse", code: "license_unknown", held: null };
  const { activation, license } = held;
  if (activation.endedAt !== null) return endedRenewal(held, seq);
  if (activation.seq === seq + 1 && activation.rid === rid) {
    return { kind: "stored", lease: activation.lease };
  }
  if (activation.seq !== seq) return { kind: "conflict", held, spent: seq < activation.seq };
  const code = stateRefusal(license, now);
  return code === null ? { kind: "grant", held, seq: seq + 1 } : { kind: "refuse", code, held };
}

/** A lease newer than the one that was returned was not returned with it. */
function endedRenewal(held: HeldActivation, seq: number): RenewalDecision {
  return seq > held.activation.seq
    ? { kind: "conflict", held, spent: false }
    : { kind: "refuse", code: "license_returned", held };
}

/** How a lease reaches its host. */
export type Delivery = "online" | "offline";

export interface LeaseSpan {
  /** When the lease ends. */
  readonly until: number;
  /** How long the plugin keeps working after that, with a banner. */
  readonly graceMs: number;
  /** Until when the seat is taken. */
  readonly heldUntil: number;
}

/** Far beyond any date, yet a valid one. */
export const FOR_EVER = 8_640_000_000_000_000;

/**
 * Until when a lease that ends then takes its seat. A perpetual license works on after its first
 * lease without asking again, so its seat is free only after a signed return; every other lease
 * frees its seat by running out.
 */
export function seatUntil({ kind }: Pick<License, "kind">, leaseUntil: number): number {
  return kind === "perpetual" ? FOR_EVER : leaseUntil;
}

/** When a lease that is given out now ends, and what it holds. */
export function leaseSpan(
  license: Pick<License, "kind" | "until">,
  delivery: Delivery,
  now: number,
): LeaseSpan {
  const until = Math.min(now + leaseMs(license, delivery), license.until ?? Infinity);
  const floating = license.kind === "floating";
  return {
    until,
    graceMs: floating ? LICENSE_LIMITS.floatingGraceMs : LICENSE_LIMITS.graceMs,
    heldUntil: seatUntil(license, until),
  };
}

function leaseMs({ kind }: Pick<License, "kind">, delivery: Delivery): number {
  if (kind === "floating") return LICENSE_LIMITS.floatingLeaseMs;
  return delivery === "offline" ? LICENSE_LIMITS.offlineLeaseMs : LICENSE_LIMITS.leaseMs;
}

/** A seat that is handed on every hour cannot be held by a host that is never asked. */
export function assertDeliverable({ kind }: Pick<License, "kind">, delivery: Delivery): void {
  if (kind !== "floating" || delivery === "online") return;
  throw new RbsmError("license_refused", "A floating license works only with a network", {
    fix: "Give the host a network, or ask the publisher for a license of another plan.",
  });
}
