import { BEACON_LIMITS } from "@rising-bsm/protocol";
import { and, eq, lte, sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import { pluginCounts } from "../catalog/tables.ts";
import { isRefusedBy } from "../database.ts";
import type { Database } from "../database.ts";
import { instances } from "../licenses/tables.ts";
import { countNewcomer, isWithin } from "../network-days.ts";
import type { NetworkDay } from "../network-days.ts";
import type { CountChange, CountFacts, CountOutcome } from "./count-reports.ts";
import { beacons, counting, installations } from "./tables.ts";
import type { Installation, StoredBeacon } from "./tables.ts";

/** The last report of an instance: `unknown` when it is not registered, null when it made none. */
export async function loadReport(
  db: Database,
  instanceId: string,
): Promise<StoredBeacon | null | "unknown"> {
  const rows = await db
    .select({ report: beacons })
    .from(instances)
    .leftJoin(beacons, eq(beacons.instanceId, instances.id))
    .where(eq(instances.id, instanceId));
  return rows[0] === undefined ? "unknown" : rows[0].report;
}

/** Replaces the report of this day; false when another one did so before. */
export async function replaceReport(
  db: Database,
  report: StoredBeacon,
  replaced: Pick<StoredBeacon, "day">,
): Promise<boolean> {
  const { instanceId, day, plugins, counted, due } = report;
  const written = await db
    .update(beacons)
    // What says the same as before leaves the index alone.
    .set(counted ? { day } : { day, plugins, counted, due })
    .where(and(eq(beacons.instanceId, instanceId), eq(beacons.day, replaced.day)));
  return written.meta.changes > 0;
}

/** Stores an instance's first report, unless its network had enough new ones on this day. */
export async function insertReport(
  db: Database,
  report: StoredBeacon,
  network: NetworkDay | null,
): Promise<void> {
  const quota = { of: network, what: "reporting", most: BEACON_LIMITS.newPerNetwork } as const;
  const isNew = sql`NOT EXISTS (SELECT 1 FROM beacons WHERE instance_id = ${report.instanceId})`;
  const { instanceId, firstDay, day, plugins, counted, due } = report;
  await db.batch([
    countNewcomer(db, quota, isNew),
    db
      .insert(beacons)
      .select(
        sql`SELECT ${instanceId}, ${firstDay}, ${day}, ${JSON.stringify(plugins)},
          ${Number(counted)}, ${due} WHERE ${isWithin(quota)}`,
      )
      .onConflictDoNothing(),
  ]);
}

/** Reports that are due, those that wait longest first. */
export function loadDueReports(
  db: Database,
  today: number,
  limit: number,
): Promise<StoredBeacon[]> {
  return db.select().from(beacons).where(lte(beacons.due, today)).orderBy(beacons.due).limit(limit);
}

/** What due reports are counted against, and the revision that it was true at. */
export interface LoadedCounts extends Pick<CountFacts, "installations" | "counts"> {
  /** Reported releases that everybody can install, as `name@version`. */
  readonly listed: ReadonlySet<string>;
  readonly revision: number;
}

export async function loadCounts(
  db: Database,
  reports: readonly StoredBeacon[],
): Promise<LoadedCounts> {
  const reporters = sql`(SELECT value FROM json_each(${JSON.stringify(idsOf(reports))}))`;
  const pairs = reports
    .filter(({ counted }) => !counted)
    .flatMap(({ plugins }) => Object.entries(plugins));
  const reported = JSON.stringify([
    ...new Map(pairs.map((pair) => [pair.join("@"), pair])).values(),
  ]);
  const [revisions, held, listed, counts] = await db.batch([
    db.select({ revision: counting.revision }).from(counting),
    db
      .select()
      .from(installations)
      .where(sql`${installations.instanceId} IN ${reporters}`),
    db
      .select({ name: sql<string>`versions.plugin || '@' || versions.version` })
      .from(
        sql`json_each(${reported}) AS pair
          JOIN versions ON versions.plugin = pair.value ->> 0 AND versions.version = pair.value ->> 1
          JOIN plugins ON plugins.name = versions.plugin`,
      )
      .where(
        sql`versions.status = 'published' AND plugins.removed_at IS NULL
          AND coalesce(versions.manifest ->> 'visibility', 'public') = 'public'`,
      ),
    db
      .select({
        plugin: pluginCounts.plugin,
        downloads: pluginCounts.downloads,
        momentum: pluginCounts.momentum,
      })
      .from(pluginCounts)
      .where(
        sql`${pluginCounts.plugin} IN (SELECT value ->> 0 FROM json_each(${reported}) UNION
          SELECT plugin FROM installations WHERE instance_id IN ${reporters})`,
      ),
  ]);
  const names = new Set(listed.map(({ name }) => name));
  return { installations: held, listed: names, counts, revision: revisions[0]?.revision ?? 0 };
}

function idsOf(reports: readonly StoredBeacon[]): string[] {
  return reports.map(({ instanceId }) => instanceId);
}

/**
 * Stores an outcome whole, or nothing: false when somebody else has counted, or one of the reports
 * was replaced, since they were read.
 */
export async function writeCounts(
  db: Database,
  { reports, revision }: { reports: readonly StoredBeacon[]; revision: number },
  outcome: CountOutcome,
): Promise<boolean> {
  try {
    await db.batch([
      // Any other number than the next one is refused by a trigger, and with it the batch.
      db.update(counting).set({
        revision: sql`CASE WHEN (${countUnchanged(reports)}) = ${reports.length}
          THEN ${revision + 1} ELSE -1 END`,
      }),
      upsertInstallations(db, outcome.installations),
      addToCounts(db, outcome.counts),
      db
        .update(beacons)
        .set({ counted: true, due: sql`${beacons.day} + ${BEACON_LIMITS.silentDays}` })
        .where(isOneOf(outcome.counted)),
      db.delete(beacons).where(isOneOf(outcome.silent)),
    ]);
    return true;
  } catch (error) {
    if (isRefusedBy("counting_moved", error)) return false;
    throw error;
  }
}

function isOneOf(instanceIds: readonly string[]): SQL {
  const ids = JSON.stringify(instanceIds);
  return sql`${beacons.instanceId} IN (SELECT value FROM json_each(${ids}))`;
}

function countUnchanged(reports: readonly StoredBeacon[]): SQL {
  const seen = JSON.stringify(reports.map(({ instanceId, day }) => [instanceId, day]));
  return sql`SELECT count(*) FROM json_each(${seen}) AS seen JOIN beacons
    ON beacons.instance_id = seen.value ->> 0 AND beacons.day = seen.value ->> 1`;
}

function upsertInstallations(db: Database, rows: readonly Installation[]) {
  const values = rows.map(({ instanceId, plugin, version, firstDay, installed }) => [
    instanceId,
    plugin,
    version,
    firstDay,
    Number(installed),
  ]);
  return db
    .insert(installations)
    .select(
      sql`SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4
        FROM json_each(${JSON.stringify(values)}) WHERE 1`,
    )
    .onConflictDoUpdate({
      target: [installations.instanceId, installations.plugin],
      set: { version: sql`excluded.version`, installed: sql`excluded.installed` },
    });
}

function addToCounts(db: Database, changes: readonly CountChange[]) {
  const { installs, downloads } = pluginCounts;
  return db
    .insert(pluginCounts)
    .select(
      sql`SELECT value ->> 'plugin', value ->> 'installs', value ->> 'downloads', 0, 0, 1,
          value ->> 'trending', value ->> 'momentum'
        FROM json_each(${JSON.stringify(changes)}) WHERE 1`,
    )
    .onConflictDoUpdate({
      target: pluginCounts.plugin,
      set: {
        installs: sql`${installs} + excluded.installs`,
        downloads: sql`${downloads} + excluded.downloads`,
        trending: sql`excluded.trending`,
        momentum: sql`excluded.momentum`,
        stale: 1,
      },
    });
}
