import { and, count, eq, gt, isNull, sql } from "drizzle-orm";
import { auditIf } from "../audit.ts";
import type { Database } from "../database.ts";
import type { AuditEntry } from "../schema.ts";
import type { HeldActivation } from "./grant-lease.ts";
import { exists, seatIsFree } from "./seat-queries.ts";
import type { Activation } from "./tables.ts";
import { activations, instances, licenses } from "./tables.ts";

export async function findHeld(db: Database, activationId: string): Promise<HeldActivation | null> {
  const rows = await db
    .select({ activation: activations, license: licenses, jkt: instances.jkt })
    .from(activations)
    .innerJoin(licenses, eq(licenses.id, activations.licenseId))
    .innerJoin(instances, eq(instances.id, activations.instanceId))
    .where(eq(activations.id, activationId));
  return rows[0] ?? null;
}

/** Seats of the license that other instances hold. The index alone knows all of them. */
export async function countOthers(
  db: Database,
  { licenseId, heldUntil }: Pick<Activation, "licenseId" | "heldUntil">,
  now: number,
): Promise<number> {
  const rows = await db
    .select({ taken: count() })
    .from(activations)
    .where(and(eq(activations.licenseId, licenseId), gt(activations.heldUntil, now)));
  return (rows[0]?.taken ?? 0) - (heldUntil > now ? 1 : 0);
}

export type NextLease = Pick<
  Activation,
  "seq" | "rid" | "lease" | "leaseUntil" | "heldUntil" | "overSeats"
>;

export interface LeaseWrite {
  readonly held: HeldActivation;
  readonly next: NextLease;
  /** The seat is taken anew, so it has to be free still. */
  readonly takesSeat: boolean;
  readonly now: number;
}

/**
 * The compare-and-swap on `seq`: of two renewals of one lease only one is written. Renewals leave no
 * audit row, unless one is given.
 */
export async function writeLease(
  db: Database,
  { held, next, takesSeat, now }: LeaseWrite,
  entry: AuditEntry | null,
): Promise<boolean> {
  const { activation, license } = held;
  const { id, seq, instanceId } = activation;
  const seat = { license, instanceId, overSeats: next.overSeats, now };
  const isHeld = and(
    eq(activations.id, id),
    eq(activations.seq, seq),
    isNull(activations.endedAt),
    takesSeat ? seatIsFree(seat) : undefined,
  );
  const write = db.update(activations).set(next).where(isHeld);
  if (entry === null) return (await write).meta.changes > 0;
  const written = sql`SELECT 1 FROM activations WHERE id = ${id} AND seq = ${next.seq} AND rid = ${next.rid}`;
  const [result] = await db.batch([write, auditIf(db, entry, exists(written))]);
  return result.meta.changes > 0;
}

/** Only the first conflict of an activation is news; the later ones are a number. */
export async function flagConflict(
  db: Database,
  held: Activation,
  entry: AuditEntry,
): Promise<void> {
  await db.batch([
    db
      .update(activations)
      .set({
        conflicts: sql`${activations.conflicts} + 1`,
        conflictsSince: sql`coalesce(${activations.conflictsSince}, ${entry.at})`,
      })
      .where(eq(activations.id, held.id)),
    auditIf(
      db,
      entry,
      exists(sql`SELECT 1 FROM activations WHERE id = ${held.id} AND conflicts = 1`),
    ),
  ]);
}

/** Frees the seat at once: the host has signed that it destroyed the lease with this `seq`. */
export async function endActivation(
  db: Database,
  held: Activation,
  entry: AuditEntry,
): Promise<boolean> {
  const [, ended] = await db.batch([
    auditIf(
      db,
      entry,
      exists(
        sql`SELECT 1 FROM activations WHERE id = ${held.id} AND seq = ${held.seq} AND ended_at IS NULL`,
      ),
    ),
    db
      .update(activations)
      .set({ endedAt: entry.at, heldUntil: entry.at })
      .where(
        and(
          eq(activations.id, held.id),
          eq(activations.seq, held.seq),
          isNull(activations.endedAt),
        ),
      ),
  ]);
  return ended.meta.changes > 0;
}
