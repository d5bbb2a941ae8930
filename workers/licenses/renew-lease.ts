import { RbsmError } from "@rising-bsm/protocol";
import { writeDatabase } from "../database.ts";
import type { Database } from "../database.ts";
import { assertDeliverable, decideRenewal } from "./grant-lease.ts";
import type { HeldActivation, RenewalDecision } from "./grant-lease.ts";
import { instanceAudit } from "./instance-audit.ts";
import type { InstanceRequest } from "./instance-request.ts";
import { countOthers, findHeld, flagConflict, writeLease } from "./lease-queries.ts";
import { findSeat, needsSeat } from "./seat.ts";
import { signNextLease } from "./sign-lease.ts";
import { refuseHolder } from "./sign-refusal.ts";

export interface Renewal {
  readonly activationId: string;
  /** Of the lease that the instance holds. */
  readonly seq: number;
}

/**
 * The lease after the one that is held; the same request again gets the same lease. Throws a
 * `license_…` code: `license_conflict` when the instance and this database know different leases.
 */
export async function renewLease(request: InstanceRequest, renewal: Renewal): Promise<string> {
  const db = writeDatabase(request.env);
  const { instanceKeyJkt: jkt, rid } = request.proof;
  // A renewal that lost the race is decided again on what the winner wrote.
  for (let tries = 0; tries < 2; tries++) {
    const now = Date.now();
    const held = await findHeld(db, renewal.activationId);
    const decision = decideRenewal(held, { seq: renewal.seq, rid, jkt }, now);
    if (decision.kind === "stored") return decision.lease;
    if (decision.kind !== "grant") throw await refusal(request, { decision, renewal }, now);
    const lease = await grant(request, { db, ...decision }, now);
    if (lease !== null) return lease;
  }
  throw new RbsmError(
    "unavailable",
    "The lease is being renewed by another request at this moment",
  );
}

interface Grant {
  readonly db: Database;
  readonly held: HeldActivation;
  readonly seq: number;
}

/** Null when another request came between. */
async function grant(
  request: InstanceRequest,
  { db, held, seq }: Grant,
  now: number,
): Promise<string | null> {
  const { env, proof, delivery } = request;
  const { activation, license, jkt } = held;
  assertDeliverable(license, delivery);
  const asks = license.seats !== null && needsSeat(activation, now);
  const seat = asks ? findSeat(license, await countOthers(db, activation, now)) : "seat";
  if (seat === null) throw new RbsmError("license_no_seat");
  const terms = {
    license,
    activationId: activation.id,
    instanceId: activation.instanceId,
    jkt,
    seq,
    nonce: proof.nonce,
    delivery,
    overSeats: seat === "overage",
    before: activation,
  };
  const next = { rid: proof.rid, ...(await signNextLease(env, terms, now)) };
  const fact = { action: "license.overage", at: now, requestId: request.requestId };
  const isNews = next.overSeats && !activation.overSeats;
  const entry = isNews ? instanceAudit(activation, fact) : null;
  // A seat that is held stays held; one that ran out may be taken by another request right now.
  const takesSeat = activation.heldUntil <= now;
  return (await writeLease(db, { held, next, takesSeat, now }, entry)) ? next.lease : null;
}

interface Refusing {
  readonly decision: Exclude<RenewalDecision, { kind: "grant" | "stored" }>;
  readonly renewal: Renewal;
}

async function refusal(
  request: InstanceRequest,
  { decision, renewal }: Refusing,
  now: number,
): Promise<RbsmError> {
  const { held } = decision;
  if (decision.kind === "refuse") {
    const { code } = decision;
    if (held === null) return new RbsmError(code);
    return refuseHolder(request, { code, held, seq: renewal.seq }, now);
  }
  if (decision.spent && held !== null) {
    const fact = { action: "license.conflict", at: now, requestId: request.requestId };
    const entry = instanceAudit(held.activation, fact);
    await flagConflict(writeDatabase(request.env), held.activation, entry);
  }
  return new RbsmError("license_conflict");
}
