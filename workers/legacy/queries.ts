import { LICENSE_LIMITS } from "@rising-bsm/protocol";
import { and, count, desc, eq, gt, inArray, isNull, lte, ne, or, sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import type { Database } from "../database.ts";
import { exists } from "../licenses/seat-queries.ts";
import { activationAttempts, activations, licenses } from "../licenses/tables.ts";
import type { Activation, License } from "../licenses/tables.ts";
import { plugins, scopes, versions } from "../schema.ts";
import type { Version } from "../schema.ts";
import { legacyLicenses } from "./tables.ts";
import type { LegacyLicense } from "./tables.ts";
import type { VerificationFacts } from "./verify-license.ts";

export interface Asked {
  /** Null is a text that cannot be a license key. */
  readonly keyHash: string | null;
  /** Id of the row of `instances` that the hardware has, or would have. */
  readonly instanceId: string;
  /** Who is counted when the key is unknown. */
  readonly guesser: string;
}

/** What decides a verification, in one batch that counts an unknown key before it is answered. */
export async function loadVerification(
  db: Database,
  { keyHash, instanceId, guesser }: Asked,
  now: number,
): Promise<VerificationFacts> {
  const license = sql`(SELECT id FROM licenses WHERE key_hash = ${keyHash})`;
  // Where seats are unlimited nobody counts them.
  const limited = sql`(SELECT id FROM licenses WHERE key_hash = ${keyHash} AND seats IS NOT NULL)`;
  const [attempts, found, legacy, own, taken, trial] = await db.batch([
    countUnknown(db, { keyHash, guesser }, now),
    db
      .select()
      .from(licenses)
      .where(sql`${licenses.keyHash} = ${keyHash}`),
    db.select().from(legacyLicenses).where(eq(legacyLicenses.licenseId, license)),
    db
      .select()
      .from(activations)
      .where(and(eq(activations.licenseId, license), eq(activations.instanceId, instanceId))),
    selectTaken(db, limited, { now, except: instanceId }),
    db
      .select({ licenseId: activations.licenseId })
      .from(activations)
      .where(
        and(
          eq(activations.instanceId, instanceId),
          sql`${activations.plugin} = (SELECT plugin FROM licenses WHERE key_hash = ${keyHash})`,
          sql`${activations.trial} = 1`,
        ),
      ),
  ]);
  return {
    license: found[0] ?? null,
    legacy: legacy[0] ?? null,
    own: own[0] ?? null,
    taken: taken[0]?.seats ?? 0,
    trialLicenseId: trial[0]?.licenseId ?? null,
    attempts: attempts[0]?.attempts ?? 0,
  };
}

function countUnknown(
  db: Database,
  { keyHash, guesser }: Pick<Asked, "keyHash" | "guesser">,
  now: number,
) {
  const { attempts, windowEndsAt } = activationAttempts;
  const over = sql`${windowEndsAt} <= ${now}`;
  return db
    .insert(activationAttempts)
    .select(
      sql`SELECT ${guesser}, ${now + LICENSE_LIMITS.activationWindowMs}, 1
          WHERE NOT EXISTS (SELECT 1 FROM licenses WHERE key_hash = ${keyHash})`,
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

function selectTaken(
  db: Database,
  license: SQL | string,
  { now, except = "" }: { readonly now: number; readonly except?: string },
) {
  return db
    .select({ seats: count() })
    .from(activations)
    .where(
      and(
        eq(activations.licenseId, license),
        gt(activations.heldUntil, now),
        ne(activations.instanceId, except),
      ),
    );
}

/** Holds the seat for longer, unless something else became of the activation meanwhile. */
export async function holdSeat(
  db: Database,
  own: Activation,
  next: Pick<Activation, "rid" | "leaseUntil" | "heldUntil" | "overSeats">,
): Promise<boolean> {
  const result = await db
    .update(activations)
    .set({ ...next, seq: own.seq + 1 })
    .where(
      and(eq(activations.id, own.id), eq(activations.seq, own.seq), isNull(activations.endedAt)),
    );
  return result.meta.changes > 0;
}

/** A license as the old connector sees it. */
export interface KnownLicense {
  readonly license: License;
  readonly legacy: LegacyLicense | null;
  /** Seats that are held now. */
  readonly taken: number;
}

/** By the key or the id that a path names, or by the key from before the last transfer. */
export async function findKnownLicense(
  db: Database,
  by: { readonly keyHash: string } | { readonly id: string },
  now: number,
): Promise<KnownLicense | null> {
  const isMeant =
    "id" in by
      ? eq(licenses.id, by.id)
      : or(eq(licenses.keyHash, by.keyHash), eq(legacyLicenses.formerKeyHash, by.keyHash));
  const [known] = await db
    .select({ license: licenses, legacy: legacyLicenses })
    .from(licenses)
    .leftJoin(legacyLicenses, eq(legacyLicenses.licenseId, licenses.id))
    .where(isMeant)
    .limit(1);
  if (known === undefined) return null;
  const [taken] = await selectTaken(db, known.license.id, { now });
  return { ...known, taken: taken?.seats ?? 0 };
}

export interface Customer {
  readonly userId: string;
  /** Whose plugins; null is everybody's. */
  readonly publisher: string | null;
  /** One scope of them; null is all. */
  readonly scope: string | null;
}

const LICENSES_SHOWN = 500;

/** The licenses of a seller's customer, the newest first. */
export async function listCustomerLicenses(
  db: Database,
  { userId, publisher, scope }: Customer,
  now: number,
): Promise<KnownLicense[]> {
  const taken = sql<number>`(SELECT count(*) FROM activations
    WHERE license_id = ${licenses.id} AND held_until > ${now})`;
  return db
    .select({ license: licenses, legacy: legacyLicenses, taken })
    .from(legacyLicenses)
    .innerJoin(licenses, eq(licenses.id, legacyLicenses.licenseId))
    .innerJoin(plugins, eq(plugins.name, licenses.plugin))
    .innerJoin(scopes, eq(scopes.scope, plugins.scope))
    .where(
      and(
        eq(legacyLicenses.userId, userId),
        publisher === null ? undefined : eq(scopes.publisher, publisher),
        scope === null ? undefined : eq(scopes.scope, scope),
      ),
    )
    .orderBy(desc(licenses.createdAt))
    .limit(LICENSES_SHOWN);
}

/** Instances and hardware that hold a license of the plugin now. */
export async function countActive(db: Database, plugin: string, now: number): Promise<number> {
  const [found] = await db
    .select({ installs: count() })
    .from(licenses)
    .innerJoin(
      activations,
      and(eq(activations.licenseId, licenses.id), gt(activations.heldUntil, now)),
    )
    .where(eq(licenses.plugin, plugin));
  return found?.installs ?? 0;
}

/** Plugins of this name in any scope; a name alone says which is meant when there is one. */
export async function findScoped(db: Database, fold: string, name: string): Promise<string[]> {
  const rows = await db
    .select({ name: plugins.name })
    .from(plugins)
    .where(and(eq(plugins.fold, fold), isNull(plugins.removedAt)))
    .limit(100);
  return rows.map((row) => row.name).filter((full) => full.endsWith(`/${name}`));
}

/** The highest release that a license covers, without those that were withdrawn or are a trial run. */
export async function findCovered(
  db: Database,
  plugin: string,
  updatesUntil: number | null,
): Promise<Version | null> {
  const rows = await db
    .select()
    .from(versions)
    .where(
      and(
        eq(versions.plugin, plugin),
        inArray(versions.status, ["released", "published"]),
        isNull(versions.yankedReason),
        sql`${versions.version} NOT LIKE '%-%'`,
        updatesUntil === null ? undefined : lte(versions.publishedAt, updatesUntil),
        exists(sql`SELECT 1 FROM plugins WHERE name = ${plugin} AND removed_at IS NULL`),
      ),
    )
    .orderBy(desc(versions.sortKey))
    .limit(1);
  return rows[0] ?? null;
}
