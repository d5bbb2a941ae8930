import { LICENSE_LIMITS } from "@rising-bsm/protocol";
import { and, count, eq, gt, inArray, isNotNull, isNull, ne, sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import { auditIf } from "../audit.ts";
import type { Database } from "../database.ts";
import { audit, plugins, versions } from "../schema.ts";
import type { AuditEntry, Version } from "../schema.ts";
import type { ActivationFacts } from "./admit-activation.ts";
import type { HeldActivation } from "./grant-lease.ts";
import type { Activation, Instance, License } from "./tables.ts";
import { activationAttempts, activations, instances, licenses } from "./tables.ts";

/** Registering a key again answers the id it got first. */
export async function registerInstance(
  db: Database,
  instance: Instance,
  entry: AuditEntry,
): Promise<string> {
  const isNew = sql`NOT EXISTS (SELECT 1 FROM instances WHERE jkt = ${instance.jkt})`;
  const [, , rows] = await db.batch([
    auditIf(db, entry, isNew),
    db.insert(instances).values(instance).onConflictDoNothing(),
    db.select({ id: instances.id }).from(instances).where(eq(instances.jkt, instance.jkt)),
  ]);
  return rows[0]?.id ?? instance.id;
}

/** The newest published version: its plans are the ones on sale. */
export async function findLatestVersion(db: Database, plugin: string): Promise<Version | null> {
  const rows = await db
    .select({ version: versions })
    .from(plugins)
    .innerJoin(
      versions,
      and(eq(versions.plugin, plugins.name), eq(versions.version, plugins.latest)),
    )
    .where(eq(plugins.name, plugin));
  return rows[0]?.version ?? null;
}

export async function insertLicense(
  db: Database,
  license: License,
  entry: AuditEntry,
): Promise<void> {
  await db.batch([db.insert(licenses).values(license), db.insert(audit).values(entry)]);
}

export async function findLicense(db: Database, id: string): Promise<License | null> {
  const rows = await db.select().from(licenses).where(eq(licenses.id, id));
  return rows[0] ?? null;
}

export interface LicenseChange {
  readonly before: License;
  readonly after: License;
  /** A transferred license leaves the instances that hold it. */
  readonly endActivationsAt: number | null;
}

/**
 * Writes a change only over the row it was decided on; answers whether it did. Every statement asks
 * for that row first, so of two changes at once one is written, and one audit row.
 */
export async function updateLicense(
  db: Database,
  { before, after, endActivationsAt }: LicenseChange,
  entry: AuditEntry,
): Promise<boolean> {
  const unchanged = exists(
    sql`SELECT 1 FROM licenses WHERE id = ${before.id} AND revision = ${before.revision}`,
  );
  const [, , updated] = await db.batch([
    auditIf(db, entry, unchanged),
    db
      .update(activations)
      .set({ endedAt: endActivationsAt, heldUntil: sql`${activations.leaseUntil}` })
      .where(
        and(
          eq(activations.licenseId, before.id),
          isNull(activations.endedAt),
          sql`${endActivationsAt} IS NOT NULL`,
          unchanged,
        ),
      ),
    db
      .update(licenses)
      .set(after)
      .where(and(eq(licenses.id, before.id), unchanged)),
  ]);
  return updated.meta.changes > 0;
}

export interface ActivationRequest {
  readonly keyHash: string;
  readonly plugin: string;
  readonly instanceId: string;
  readonly jkt: string;
}

export interface LoadedActivation {
  /** Tries in the running window with this one; null when the key is not that instance's. */
  readonly attempts: number | null;
  readonly facts: ActivationFacts;
}

/**
 * Counts the attempt and loads what decides it, in one batch: attempts that arrive together are
 * all counted before any of them is answered.
 */
export async function loadActivation(
  db: Database,
  request: ActivationRequest,
  now: number,
): Promise<LoadedActivation> {
  const { keyHash, plugin, instanceId } = request;
  const license = sql`(SELECT id FROM licenses WHERE key_hash = ${keyHash})`;
  // Where seats are unlimited nobody counts them.
  const limited = sql`(SELECT id FROM licenses WHERE key_hash = ${keyHash} AND seats IS NOT NULL)`;
  const [attempts, found, own, taken, trial] = await db.batch([
    countAttempt(db, request, now),
    db.select().from(licenses).where(eq(licenses.keyHash, keyHash)),
    db
      .select()
      .from(activations)
      .where(and(eq(activations.licenseId, license), eq(activations.instanceId, instanceId))),
    db
      .select({ seats: count() })
      .from(activations)
      .where(and(eq(activations.licenseId, limited), heldByOthers(instanceId, now))),
    db
      .select({ licenseId: activations.licenseId })
      .from(activations)
      .where(
        and(
          eq(activations.instanceId, instanceId),
          eq(activations.plugin, plugin),
          sql`${activations.trial} = 1`,
        ),
      ),
  ]);
  return {
    attempts: attempts[0]?.attempts ?? null,
    facts: {
      license: found[0] ?? null,
      own: own[0] ?? null,
      taken: taken[0]?.seats ?? 0,
      trialLicenseId: trial[0]?.licenseId ?? null,
    },
  };
}

function countAttempt(db: Database, { instanceId, jkt }: ActivationRequest, now: number) {
  const { attempts, windowEndsAt } = activationAttempts;
  const over = sql`${windowEndsAt} <= ${now}`;
  return db
    .insert(activationAttempts)
    .select(
      sql`SELECT id, ${now + LICENSE_LIMITS.activationWindowMs}, 1 FROM instances
          WHERE id = ${instanceId} AND jkt = ${jkt}`,
    )
    .onConflictDoUpdate({
      target: activationAttempts.instanceId,
      set: {
        attempts: sql`CASE WHEN ${over} THEN 1 ELSE ${attempts} + 1 END`,
        windowEndsAt: sql`CASE WHEN ${over} THEN excluded.window_ends_at ELSE ${windowEndsAt} END`,
      },
    })
    .returning({ attempts });
}

/** A good key is no guess: its attempt does not count. */
export async function forgiveAttempt(db: Database, instanceId: string): Promise<void> {
  await forgive(db, instanceId, sql`1`);
}

export interface ActivationWrite {
  readonly activation: Activation;
  /** `seq` of the row that is replaced; null for a new one. */
  readonly replaces: number | null;
  readonly license: License;
  readonly now: number;
}

/**
 * Takes the seat, or does nothing: the number of seats and the row it replaces are checked once
 * more by the statement that writes, because two requests may have been admitted to one seat.
 */
export async function writeActivation(
  db: Database,
  { activation, replaces, license, now }: ActivationWrite,
  entry: AuditEntry,
): Promise<boolean> {
  const { id, instanceId, rid, seq } = activation;
  const seatIsFree = sql`(${license.seats} IS NULL OR ${license.seats} > (
    SELECT count(*) FROM activations
    WHERE license_id = ${license.id} AND held_until > ${now} AND instance_id <> ${instanceId}))`;
  const written = exists(
    sql`SELECT 1 FROM activations WHERE id = ${id} AND seq = ${seq} AND rid = ${rid} AND ended_at IS NULL`,
  );
  const write =
    replaces === null
      ? db.insert(activations).select(activationIf(activation, seatIsFree)).onConflictDoNothing()
      : db
          .update(activations)
          .set(activation)
          .where(and(eq(activations.id, id), eq(activations.seq, replaces), seatIsFree));
  const [result] = await db.batch([
    write,
    db
      .update(licenses)
      .set({ until: license.until })
      .where(
        and(
          eq(licenses.id, license.id),
          isNull(licenses.until),
          isNotNull(licenses.trialDays),
          written,
        ),
      ),
    auditIf(db, entry, written),
    forgive(db, instanceId, written),
  ]);
  return result.meta.changes > 0;
}

/** The columns in the order of the table, as `INSERT … SELECT` takes them. */
function activationIf(row: Activation, condition: SQL): SQL {
  return sql`SELECT ${row.id}, ${row.licenseId}, ${row.instanceId}, ${row.plugin}, ${Number(row.trial)},
    ${row.seq}, ${row.rid}, ${row.lease}, ${row.leaseUntil}, ${row.heldUntil}, ${row.endedAt},
    ${row.conflicts}, ${row.createdAt}, ${row.conflictsSince} WHERE ${condition}`;
}

function heldByOthers(instanceId: string, now: number) {
  return and(gt(activations.heldUntil, now), ne(activations.instanceId, instanceId));
}

function forgive(db: Database, instanceId: string, condition: SQL) {
  return db
    .update(activationAttempts)
    .set({ attempts: sql`max(0, ${activationAttempts.attempts} - 1)` })
    .where(and(eq(activationAttempts.instanceId, instanceId), condition));
}

export async function findHeld(db: Database, activationId: string): Promise<HeldActivation | null> {
  const rows = await db
    .select({ activation: activations, license: licenses, jkt: instances.jkt })
    .from(activations)
    .innerJoin(licenses, eq(licenses.id, activations.licenseId))
    .innerJoin(instances, eq(instances.id, activations.instanceId))
    .where(eq(activations.id, activationId));
  return rows[0] ?? null;
}

export type NextLease = Pick<Activation, "seq" | "rid" | "lease" | "leaseUntil" | "heldUntil">;

/** The compare-and-swap on `seq`: of two renewals of one lease only one is written. */
export async function writeLease(
  db: Database,
  held: Activation,
  next: NextLease,
): Promise<boolean> {
  const result = await db
    .update(activations)
    .set(next)
    .where(
      and(eq(activations.id, held.id), eq(activations.seq, held.seq), isNull(activations.endedAt)),
    );
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
      .set({ conflicts: sql`${activations.conflicts} + 1` })
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

export interface Release {
  readonly sha256: string;
  readonly paid: boolean;
  readonly publishedAt: number;
}

/** Who asks, known by its key, and the release it asks for. */
export async function findDownload(
  db: Database,
  { plugin, version, jkt }: { plugin: string; version: string; jkt: string },
): Promise<{ instanceId: string | null; release: Release | null }> {
  const [instance, release] = await db.batch([
    db.select({ id: instances.id }).from(instances).where(eq(instances.jkt, jkt)),
    db
      .select({
        sha256: versions.sha256,
        paid: versions.paid,
        publishedAt: sql<number>`${versions.publishedAt}`,
      })
      .from(versions)
      .where(
        and(
          eq(versions.plugin, plugin),
          eq(versions.version, version),
          inArray(versions.status, ["released", "published"]),
        ),
      ),
  ]);
  return { instanceId: instance[0]?.id ?? null, release: release[0] ?? null };
}

function exists(query: SQL): SQL {
  return sql`EXISTS (${query})`;
}
