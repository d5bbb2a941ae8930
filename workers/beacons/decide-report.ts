import { BEACON_LIMITS, LICENSE_LIMITS } from "@rising-bsm/protocol";
import type { Beacon } from "@rising-bsm/protocol";
import { dayNumber, dayOf } from "./day.ts";
import type { StoredBeacon } from "./tables.ts";

/** Whether a report that arrives now can be of this day; clocks may differ as much as in a proof. */
export function isOfToday(day: number, now: number): boolean {
  const { proofAgeMs } = LICENSE_LIMITS;
  return day >= dayOf(now - proofAgeMs) && day <= dayOf(now + proofAgeMs);
}

/** The row of a report, over the one that is stored; null when it says nothing newer. */
export function decideReport(
  instanceId: string,
  stored: StoredBeacon | null,
  report: Beacon,
): StoredBeacon | null {
  const day = dayNumber(report.day);
  const plugins = versionsByName(report);
  if (stored === null) {
    // It counts once it reports on another day: until then only its silence is waited for.
    const due = day + BEACON_LIMITS.silentDays;
    return { instanceId, firstDay: day, day, plugins, counted: false, due };
  }
  if (day <= stored.day) return null;
  const isCounted = stored.counted && JSON.stringify(stored.plugins) === JSON.stringify(plugins);
  // When its silence would be looked at stays: that look finds how new it is.
  if (isCounted) return { ...stored, day };
  // Around midnight two days can be reported within minutes: a whole one lies between them and the count.
  const due = Math.min(stored.due, Math.max(day, stored.firstDay + 2));
  return { ...stored, day, plugins, counted: false, due };
}

function versionsByName({ plugins }: Beacon): Record<string, string> {
  const sorted = plugins.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return Object.fromEntries(sorted.map(({ name, version }) => [name, version]));
}
