import type { LeaseClaims, RefusalClaims } from "@rising-bsm/protocol";

/** A lease that is held, with the activation that it belongs to. */
export interface RefusableLease {
  readonly activationId: string;
  readonly claims: LeaseClaims;
}

/**
 * Whether a verified refusal speaks about the lease that is held: the same license, activation and
 * plugin, and neither number nor time before it. What was refused before a newer lease was granted
 * is over.
 */
export function concernsLease(
  refusal: RefusalClaims,
  { activationId, claims }: RefusableLease,
): boolean {
  return (
    refusal.sub === claims.sub &&
    refusal.activation === activationId &&
    refusal.plugin === claims.plugin &&
    refusal.seq >= claims.seq &&
    refusal.iat >= claims.iat
  );
}

/** The same for one that has just arrived: of one from the lease's own second only the answer to this host's nonce counts. */
export function refusesLease(refusal: RefusalClaims, held: RefusableLease, nonce: string): boolean {
  const isFresh = refusal.nonce === nonce || refusal.iat > held.claims.iat;
  return concernsLease(refusal, held) && isFresh;
}

/** Whether it takes the grace away. A license that only ended keeps what it was promised. */
export function endsGrace(refusal: Pick<RefusalClaims, "reason"> | null): boolean {
  return refusal !== null && refusal.reason !== "ended";
}
