import { BEACON_LIMITS } from "@rising-bsm/protocol";
import { and, eq, lte, sql } from "drizzle-orm";
import { isRefusedBy } from "../database.ts";
import type { Database } from "../database.ts";
import { instances } from "../licenses/tables.ts";
import { countNewcomer, isWithin } from "../network-days.ts";
import type { NetworkDay } from "../network-days.ts";
import type { CountFacts, CountOutcome, PluginCount } from "./count-reports.ts";
import { beacons, installations } from "./tables.ts";
import type { StoredBeacon } from "./tables.ts";

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
  const { instanceId, firstDay: _firstDay, ...values } = report;
  const written = await db
    .update(beacons)
    .set(values)
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
    db.run(sql`INSERT INTO beacons (instance_id, first_day, day, plugins, counted, due)
      SELECT ${instanceId}, ${firstDay}, ${day}, ${JSON.stringify(plugins)}, ${Number(counted)}, ${due}
      WHERE ${isWithin(quota)} ON CONFLICT DO NOTHING`),
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
    db.all<{ revision: number }>(sql`SELECT revision FROM counting WHERE id = 1`),
    db
      .select()
      .from(installations)
      .where(sql`${installations.instanceId} IN ${reporters}`),
    db.all<{ name: string }>(sql`SELECT versions.plugin || '@' || versions.version AS name
      FROM json_each(${reported}) AS pair
      JOIN versions ON versions.plugin = pair.value ->> 0 AND versions.version = pair.value ->> 1
      JOIN plugins ON plugins.name = versions.plugin
      WHERE versions.status = 'published' AND plugins.removed_at IS NULL
        AND coalesce(versions.manifest ->> 'visibility', 'public') = 'public'`),
    db.all<PluginCount>(sql`SELECT plugin, downloads, momentum FROM plugin_counts WHERE plugin IN
      (SELECT value ->> 0 FROM json_each(${reported}) UNION
       SELECT plugin FROM installations WHERE instance_id IN ${reporters})`),
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
  const seen = JSON.stringify(reports.map(({ instanceId, day }) => [instanceId, day]));
  const unchanged = sql`SELECT count(*) FROM json_each(${seen}) AS seen JOIN beacons
    ON beacons.instance_id = seen.value ->> 0 AND beacons.day = seen.value ->> 1`;
  const held = outcome.installations.map(({ instanceId, plugin, version, firstDay, installed }) => [
    instanceId,
    plugin,
    version,
    firstDay,
    Number(installed),
  ]);
  const counts = JSON.stringify(outcome.counts);
  const counted = JSON.stringify(outcome.counted);
  try {
    await db.batch([
      // Any other number than the next one is refused by a trigger, and with it the batch.
      db.run(sql`UPDATE counting SET revision =
        CASE WHEN (${unchanged}) = ${reports.length} THEN ${revision + 1} ELSE -1 END WHERE id = 1`),
      db.run(sql`INSERT INTO installations (instance_id, plugin, version, first_day, installed)
        SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4
        FROM json_each(${JSON.stringify(held)}) WHERE 1 ON CONFLICT (instance_id, plugin)
        DO UPDATE SET version = excluded.version, installed = excluded.installed`),
      db.run(sql`INSERT INTO plugin_counts (plugin, installs, downloads, momentum, trending, stale)
        SELECT value ->> 'plugin', value ->> 'installs', value ->> 'downloads',
          value ->> 'momentum', value ->> 'trending', 1
        FROM json_each(${counts}) WHERE 1 ON CONFLICT (plugin) DO UPDATE SET
          installs = installs + excluded.installs, downloads = downloads + excluded.downloads,
          momentum = excluded.momentum, trending = excluded.trending, stale = 1`),
      db.run(sql`UPDATE beacons SET counted = 1, due = day + ${BEACON_LIMITS.silentDays}
        WHERE instance_id IN (SELECT value FROM json_each(${counted}))`),
      db.run(sql`DELETE FROM beacons
        WHERE instance_id IN (SELECT value FROM json_each(${JSON.stringify(outcome.silent)}))`),
    ]);
    return true;
  } catch (error) {
    if (isRefusedBy("counting_moved", error)) return false;
    throw error;
  }
}
