import { base64url, RbsmError } from "@rising-bsm/protocol";
import { writeDatabase } from "../database.ts";
import type { Database } from "../database.ts";
import type { AuditEntry } from "../schema.ts";
import { decideResume } from "./decide-resume.ts";
import type { PresentedLease, ResumeDecision } from "./decide-resume.ts";
import { instanceAudit } from "./instance-audit.ts";
import type { InstanceRequest } from "./instance-request.ts";
import { adoptLease, countResume, loadResume } from "./resume-queries.ts";
import type { ResumeRequest } from "./resume-queries.ts";
import { refuseHolder } from "./sign-refusal.ts";
import type { Instance } from "./tables.ts";
import { verifyOwnLease } from "./verify-own-lease.ts";

/** What the instance holds. */
export interface HeldLease {
  readonly activationId: string;
  readonly lease: string;
}

/**
 * The newest lease that the instance or this database has. Throws `license_conflict` when the
 * instance has asked for it too often, `license_unknown` for what is not a lease of its own.
 */
export async function resumeLease(request: InstanceRequest, held: HeldLease): Promise<string> {
  const db = writeDatabase(request.env);
  const { instanceKeyJkt: jkt, rid } = request.proof;
  const claims = await verifyOwnLease(request.env, held.lease, jkt);
  if (claims.jti !== `${held.activationId}.${claims.seq}`) throw new RbsmError("license_unknown");
  const presented = { ...held, claims, rid };
  const wanted = { licenseId: claims.sub, instanceId: claims.aud, jkt };
  // What another request changed in between is decided once more.
  for (let tries = 0; tries < 3; tries++) {
    const now = Date.now();
    const { facts, instances } = await loadResume(db, wanted, now);
    assertSameInstance(instances, wanted);
    const decision = decideResume(facts, presented, now);
    const lease = await carryOut(request, { db, presented, decision }, now);
    if (lease !== null) return lease;
  }
  throw new RbsmError("unavailable", "The lease is being changed elsewhere at this moment");
}

/** An id and a key belong together for ever; after a restore there may be neither. */
function assertSameInstance(
  instances: readonly Instance[],
  { instanceId, jkt }: ResumeRequest,
): void {
  const isSame = instances.every((instance) => instance.id === instanceId && instance.jkt === jkt);
  if (!isSame) throw new RbsmError("license_unknown", "The instance has another id by now");
}

interface Resume<Decision extends ResumeDecision = ResumeDecision> {
  readonly db: Database;
  readonly presented: PresentedLease;
  readonly decision: Decision;
}

type Decided<Kind extends ResumeDecision["kind"]> = Resume<Extract<ResumeDecision, { kind: Kind }>>;

/** Null when another request came between. */
async function carryOut(
  request: InstanceRequest,
  { db, presented, decision }: Resume,
  now: number,
): Promise<string | null> {
  switch (decision.kind) {
    case "refuse":
      throw await refusal(request, { db, presented, decision }, now);
    case "adopt":
      return adopt(request, { db, presented, decision }, now);
    case "hard":
      await count(request, { db, presented, decision }, now);
      throw new RbsmError("license_conflict", "The lease was renewed elsewhere too often", {
        fix: "If no copy of this host is running, activate again with the license key.",
      });
    default:
      return (await count(request, { db, presented, decision }, now)) ? decision.own.lease : null;
  }
}

async function refusal(
  request: InstanceRequest,
  { decision: { code, license }, presented }: Decided<"refuse">,
  now: number,
): Promise<RbsmError> {
  if (license === null) return new RbsmError(code);
  const { seq, aud: instanceId } = presented.claims;
  const held = { license, activation: { id: presented.activationId, instanceId } };
  return refuseHolder(request, { code, seq, held }, now);
}

async function adopt(
  request: InstanceRequest,
  { db, decision, presented }: Decided<"adopt">,
  now: number,
): Promise<string | null> {
  const { publicKey, instanceKeyJkt: jkt } = request.proof;
  const instance = {
    id: presented.claims.aud,
    publicKey: base64url(publicKey),
    jkt,
    createdAt: now,
  };
  const { seq } = presented.claims;
  const entry = resumeAudit(request, { action: "license.resume", presented, newest: seq }, now);
  const written = await adoptLease(db, { ...decision, instance, now }, entry);
  return written ? presented.lease : null;
}

async function count(
  request: InstanceRequest,
  { db, decision: { kind, own, counted }, presented }: Decided<"stored" | "hard">,
  now: number,
): Promise<boolean> {
  if (counted === null) return true;
  const action = kind === "hard" ? "license.conflict" : "license.resume";
  const entry = resumeAudit(request, { action, presented, newest: own.seq }, now);
  return countResume(db, { own, counted }, entry);
}

interface ResumeFact {
  readonly action: string;
  readonly presented: PresentedLease;
  /** `seq` of the newest lease that either side has. */
  readonly newest: number;
}

function resumeAudit(
  { requestId }: InstanceRequest,
  { action, presented: { claims }, newest }: ResumeFact,
  at: number,
): AuditEntry {
  const subject = { instanceId: claims.aud, licenseId: claims.sub };
  const detail = { presented: claims.seq, newest };
  return { ...instanceAudit(subject, { action, at, requestId }), detail };
}
