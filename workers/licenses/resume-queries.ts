import { and, count, eq, gt, isNull, ne, or, sql } from "drizzle-orm";
import { auditIf } from "../audit.ts";
import type { Database } from "../database.ts";
import type { AuditEntry } from "../schema.ts";
import type { ResumeFacts, Resumes } from "./decide-resume.ts";
import { activationIf } from "./queries.ts";
import { exists, seatIsFree } from "./seat-queries.ts";
import type { Activation, Instance, License } from "./tables.ts";
import { activations, instances, licenses } from "./tables.ts";

export interface ResumeRequest {
  readonly licenseId: string;
  readonly instanceId: string;
  readonly jkt: string;
}

/** `instances`: every one with this id or this key, of which there is one, or none after a restore. */
export async function loadResume(
  db: Database,
  { licenseId, instanceId, jkt }: ResumeRequest,
  now: number,
): Promise<{ facts: ResumeFacts; instances: Instance[] }> {
  const isHere = eq(activations.licenseId, licenseId);
  const [found, own, taken, known] = await db.batch([
    db.select().from(licenses).where(eq(licenses.id, licenseId)),
    db
      .select()
      .from(activations)
      .where(and(isHere, eq(activations.instanceId, instanceId))),
    db
      .select({ seats: count() })
      .from(activations)
      .where(and(isHere, gt(activations.heldUntil, now), ne(activations.instanceId, instanceId))),
    db
      .select()
      .from(instances)
      .where(or(eq(instances.id, instanceId), eq(instances.jkt, jkt))),
  ]);
  const facts = { license: found[0] ?? null, own: own[0] ?? null, taken: taken[0]?.seats ?? 0 };
  return { facts, instances: known };
}

/** Counts over the activation it was decided on; answers whether it did. */
export async function countResume(
  db: Database,
  { own, counted }: { readonly own: Activation; readonly counted: Resumes },
  entry: AuditEntry,
): Promise<boolean> {
  const unchanged = and(
    eq(activations.id, own.id),
    eq(activations.seq, own.seq),
    eq(activations.resumes, own.resumes),
    sql`${activations.resumedSeq} IS ${own.resumedSeq}`,
    isNull(activations.endedAt),
  );
  const [, result] = await db.batch([
    auditIf(db, entry, exists(sql`SELECT 1 FROM ${activations} WHERE ${unchanged}`)),
    db.update(activations).set(counted).where(unchanged),
  ]);
  return result.meta.changes > 0;
}

export interface AdoptedLease {
  readonly instance: Instance;
  readonly activation: Activation;
  readonly own: Activation | null;
  /** As it was read, and as the lease proves it to be. */
  readonly license: License;
  readonly raised: License;
  readonly now: number;
}

/** Takes over a lease that this database has forgotten, with the instance if that is gone too. */
export async function adoptLease(
  db: Database,
  { instance, activation, own, license, raised, now }: AdoptedLease,
  entry: AuditEntry,
): Promise<boolean> {
  const { id, instanceId, seq, rid, overSeats } = activation;
  const isSeated = own !== null && own.heldUntil > now;
  const takesSeat = activation.heldUntil > now && !isSeated;
  const admitted = takesSeat ? seatIsFree({ license, instanceId, overSeats, now }) : sql`1`;
  const written = exists(
    sql`SELECT 1 FROM activations WHERE id = ${id} AND seq = ${seq} AND rid = ${rid}`,
  );
  const write =
    own === null
      ? db.insert(activations).select(activationIf(activation, admitted)).onConflictDoNothing()
      : db
          .update(activations)
          .set(activation)
          .where(and(eq(activations.id, id), eq(activations.seq, own.seq), admitted));
  const { until, updatesUntil } = raised;
  const [, result] = await db.batch([
    db.insert(instances).values(instance).onConflictDoNothing(),
    write,
    db
      .update(licenses)
      .set({ until, updatesUntil, revision: sql`${licenses.revision} + 1` })
      .where(
        and(
          eq(licenses.id, license.id),
          eq(licenses.revision, license.revision),
          sql`(${licenses.until} IS NOT ${until} OR ${licenses.updatesUntil} IS NOT ${updatesUntil})`,
          written,
        ),
      ),
    auditIf(db, entry, written),
  ]);
  return result.meta.changes > 0;
}
