import { BEACON_LIMITS, type Beacon } from "@rising-bsm/protocol";
import type { UpdateInfo } from "../lifecycle/find-updates.ts";
import type { Slot } from "../lifecycle/slots.ts";

const DAY_MS = 86_400_000;

/** The last report, as it is stored. */
export interface LastReport {
  /** Number of the instance's own day, see {@link planReport}. */
  readonly ownDay: number;
  /** Day of the report in UTC. */
  readonly day: string;
  readonly attempts: number;
  readonly sent: boolean;
  /** What was last taken named plugins: that there are none any more is told once. */
  readonly had: boolean;
}

/**
 * The report that is to be sent now, before it is; null when there is none. An instance's own day
 * begins at a time of day that follows from its key, so that hosts do not report together, whenever
 * they were started: one report in each, tried a few times.
 */
export function planReport(
  instanceKeyId: string,
  now: number,
  last: LastReport | null,
): LastReport | null {
  const ownDay = Math.floor((now - beginningOf(instanceKeyId)) / DAY_MS);
  const day = new Date(now).toISOString().slice(0, 10);
  // The marketplace takes one report a day of UTC.
  if (last?.sent === true && (last.ownDay === ownDay || last.day >= day)) return null;
  const attempts = last?.ownDay === ownDay ? last.attempts : 0;
  if (attempts >= BEACON_LIMITS.attempts) return null;
  return { ownDay, day, attempts: attempts + 1, sent: false, had: last?.had ?? false };
}

/** Milliseconds after midnight (UTC). */
function beginningOf(instanceKeyId: string): number {
  return (Number.parseInt(instanceKeyId.slice(0, 8), 16) / 2 ** 32) * DAY_MS;
}

/**
 * What the marketplace is told: public plugins that were installed from it. One that it does not
 * know, as the update check has found, came from another marketplace. Of more than it takes, in number
 * or in bytes, the first by name.
 */
export function reportedPlugins(
  slots: readonly Slot[],
  updates: readonly UpdateInfo[],
): Beacon["plugins"] {
  const unknown = new Set(
    updates
      .filter(({ problem }) => problem?.code === "plugin_not_found")
      .map(({ plugin }) => plugin),
  );
  let bytes = 0;
  return slots
    .filter(
      ({ row, manifest }) => row.source === "marketplace" && manifest?.visibility === "public",
    )
    .map(({ row }) => ({ name: row.name, version: row.release.version }))
    .filter(({ name }) => !unknown.has(name))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .slice(0, BEACON_LIMITS.plugins)
    .filter((plugin) => (bytes += JSON.stringify(plugin).length + 1) <= BEACON_LIMITS.listBytes);
}
