import { signLease } from "@rising-bsm/protocol";
import type { KeyLookup, LeaseClaims } from "@rising-bsm/protocol";
import { signingKey } from "../env.ts";
import type { Bindings } from "../env.ts";
import { leaseSpan } from "./grant-lease.ts";
import type { Delivery } from "./grant-lease.ts";
import type { NextLease } from "./lease-queries.ts";
import type { Activation, License } from "./tables.ts";

export interface LeaseTerms {
  readonly license: License;
  readonly activationId: string;
  readonly instanceId: string;
  /** Thumbprint of the instance key that the lease is bound to. */
  readonly jkt: string;
  readonly seq: number;
  /** The host's own, from its proof. */
  readonly nonce: string | undefined;
  readonly delivery: Delivery;
  /** The instance sits above the license's seats. */
  readonly overSeats: boolean;
  /** What the leases before this one hold; null when there is none. */
  readonly before: Pick<Activation, "leaseUntil" | "heldUntil"> | null;
}

/** What the lease says. It is the same for the same terms and moment, its id too. */
export function leaseClaims(terms: LeaseTerms, now: number): Omit<LeaseClaims, "iss"> {
  const { license, activationId, instanceId, jkt, seq, nonce, delivery } = terms;
  const { until, graceMs } = leaseSpan(license, delivery, now);
  return {
    aud: instanceId,
    sub: license.id,
    jti: `${activationId}.${seq}`,
    iat: seconds(now),
    nbf: seconds(now),
    exp: seconds(until),
    lic: {
      kind: license.kind,
      until: secondsOrNull(license.until),
      updatesUntil: secondsOrNull(license.updatesUntil),
      grace: seconds(graceMs),
      seats: license.seats,
      users: license.users,
      ...(terms.overSeats ? { overage: true } : {}),
    },
    plugin: license.plugin,
    ent: license.entitlements,
    cnf: { jkt },
    seq,
    ...(license.org === null ? {} : { org: license.org }),
    ...(nonce === undefined ? {} : { nonce }),
  };
}

/** The signed lease and what the activation has to remember of it. */
export async function signNextLease(
  env: Bindings,
  terms: LeaseTerms,
  now: number,
): Promise<Omit<NextLease, "rid">> {
  const { seq, overSeats } = terms;
  const key = await signingKey(env, "LEASE_KEY");
  const lease = await signLease(leaseClaims(terms, now), { kid: key.keyId, privateKey: key });
  return { seq, lease, overSeats, ...heldWith(terms, now) };
}

/** An older lease may run longer than this one, and its seat stays taken until it has ended. */
function heldWith({ license, delivery, before }: LeaseTerms, now: number) {
  const { until, heldUntil } = leaseSpan(license, delivery, now);
  if (before === null) return { leaseUntil: until, heldUntil };
  return {
    leaseUntil: Math.max(until, Math.min(before.leaseUntil, before.heldUntil)),
    heldUntil: Math.max(heldUntil, before.heldUntil),
  };
}

/** The key that this Worker's own leases verify with. */
export async function leaseKeys(env: Bindings): Promise<KeyLookup> {
  const key = await signingKey(env, "LEASE_KEY");
  return (kid) => (kid === key.keyId ? key.publicKey : undefined);
}

function seconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000);
}

function secondsOrNull(milliseconds: number | null): number | null {
  return milliseconds === null ? null : seconds(milliseconds);
}
