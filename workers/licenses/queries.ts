import { LICENSE_LIMITS } from "@rising-bsm/protocol";
import { and, count, eq, gt, inArray, isNotNull, isNull, ne, sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import { auditIf } from "../audit.ts";
import type { Database } from "../database.ts";
import { countNewcomer, isWithin } from "../network-days.ts";
import type { NetworkDay } from "../network-days.ts";
import { versions } from "../schema.ts";
import type { AuditEntry } from "../schema.ts";
import type { ActivationFacts } from "./admit-activation.ts";
import type { LeasedLicense } from "./admit-download.ts";
import { exists, seatIsFree } from "./seat-queries.ts";
import type { Activation, Instance, License } from "./tables.ts";
import { activationAttempts, activations, instances, licenses } from "./tables.ts";

/** Who registers, from where, and how many of that network may do so on a day. */
export interface Registration {
  readonly instance: Instance;
  readonly network: NetworkDay | null;
  readonly most: number;
}

/** Stores an instance, once; false when its network has had its new ones of the day. */
export async function registerInstance(
  db: Database,
  { instance, network, most }: Registration,
  entry: AuditEntry,
): Promise<boolean> {
  const { id, publicKey, jkt, createdAt } = instance;
  const quota = { of: network, what: "registered", most } as const;
  const isNew = sql`NOT EXISTS (SELECT 1 FROM instances WHERE jkt = ${jkt})`;
  const [, , , rows] = await db.batch([
    countNewcomer(db, quota, isNew),
    auditIf(db, entry, sql`${isNew} AND ${isWithin(quota)}`),
    db
      .insert(instances)
      .select(sql`SELECT ${id}, ${publicKey}, ${jkt}, ${createdAt} WHERE ${isWithin(quota)}`)
      .onConflictDoNothing(),
    db.select({ id: instances.id }).from(instances).where(eq(instances.jkt, jkt)),
  ]);
  return rows.length > 0;
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
  /** What the activation takes the place of; null for a new one. */
  readonly own: Activation | null;
  /** The license as it was read, and as this activation leaves it: a trial begins with its first. */
  readonly license: License;
  readonly begun: License;
  readonly now: number;
}

/**
 * Takes the seat, or does nothing: the seats, the row it replaces and the license, which may have
 * been transferred, are checked once more by the statement that writes.
 */
export async function writeActivation(
  db: Database,
  { activation, own, license, begun, now }: ActivationWrite,
  entries: { readonly activated: AuditEntry; readonly overSeats: AuditEntry },
): Promise<boolean> {
  const { id, instanceId, rid, seq, overSeats } = activation;
  const admitted = sql`${seatIsFree({ license, instanceId, overSeats, now })} AND ${exists(
    sql`SELECT 1 FROM licenses WHERE id = ${license.id} AND revision = ${license.revision}`,
  )}`;
  const written = exists(
    sql`SELECT 1 FROM activations WHERE id = ${id} AND seq = ${seq} AND rid = ${rid} AND ended_at IS NULL`,
  );
  const write =
    own === null
      ? db.insert(activations).select(activationIf(activation, admitted)).onConflictDoNothing()
      : db
          .update(activations)
          .set(activation)
          .where(and(eq(activations.id, id), eq(activations.seq, own.seq), admitted));
  const isNews = overSeats && own?.overSeats !== true;
  const [result] = await db.batch([
    write,
    auditIf(db, entries.activated, written),
    db
      .update(licenses)
      .set({ until: begun.until, revision: sql`${licenses.revision} + 1` })
      .where(
        and(
          eq(licenses.id, license.id),
          isNull(licenses.until),
          isNotNull(licenses.trialDays),
          written,
        ),
      ),
    forgive(db, instanceId, written),
    ...(isNews ? [auditIf(db, entries.overSeats, written)] : []),
  ]);
  return result.meta.changes > 0;
}

/** The columns in the order of the table, as `INSERT … SELECT` takes them. */
export function activationIf(row: Activation, condition: SQL): SQL {
  return sql`SELECT ${row.id}, ${row.licenseId}, ${row.instanceId}, ${row.plugin}, ${Number(row.trial)},
    ${row.seq}, ${row.rid}, ${row.lease}, ${row.leaseUntil}, ${row.heldUntil}, ${row.endedAt},
    ${row.conflicts}, ${row.createdAt}, ${row.conflictsSince}, ${Number(row.overSeats)},
    ${row.resumes}, ${row.resumesSince}, ${row.resumedSeq} WHERE ${condition}`;
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

export interface Release {
  readonly sha256: string;
  readonly paid: boolean;
  readonly publishedAt: number;
}

export interface DownloadRequest {
  readonly plugin: string;
  readonly version: string;
  readonly jkt: string;
  /** The license that the caller shows a lease of. */
  readonly licenseId: string;
}

export interface DownloadFacts {
  readonly instanceId: string | null;
  readonly release: Release | null;
  readonly leased: LeasedLicense | null;
}

/** Who asks, known by its key, the release it asks for, and what became of its license. */
export async function findDownload(
  db: Database,
  { plugin, version, jkt, licenseId }: DownloadRequest,
): Promise<DownloadFacts> {
  const instance = sql`(SELECT id FROM instances WHERE jkt = ${jkt})`;
  const [found, release, leased] = await db.batch([
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
    db
      .select({
        license: { state: licenses.state, payment: licenses.payment, until: licenses.until },
        activation: { seq: activations.seq, endedAt: activations.endedAt },
      })
      .from(licenses)
      .leftJoin(
        activations,
        and(eq(activations.licenseId, licenses.id), eq(activations.instanceId, instance)),
      )
      .where(eq(licenses.id, licenseId)),
  ]);
  return {
    instanceId: found[0]?.id ?? null,
    release: release[0] ?? null,
    leased: leased[0] ?? null,
  };
}
