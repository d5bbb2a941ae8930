import { writeDatabase } from "../database.ts";
import type { Bindings } from "../env.ts";
import { forgetNetworks } from "../network-days.ts";
import { countReports } from "./count-reports.ts";
import { dayOf } from "./day.ts";
import { loadCounts, loadDueReports, writeCounts } from "./queries.ts";
import type { StoredBeacon } from "./tables.ts";

/** Reports that are counted together, and plugins that they may name together. */
const REPORTS_A_CHUNK = 50;
const PLUGINS_A_CHUNK = 2_000;
/** A run's share; what is left over waits for the next. */
const CHUNKS_A_RUN = 100;
const NETWORKS_A_RUN = 5_000;

/**
 * Counts what instances have reported and looks at those that fell silent, a chunk in a batch. A run
 * that is cut short, or that another one overlaps, is finished by the next.
 */
export async function countDue(env: Bindings, now: Date): Promise<void> {
  const db = writeDatabase(env);
  const today = dayOf(now.getTime());
  for (let chunk = 0; chunk < CHUNKS_A_RUN; chunk++) {
    const reports = firstOf(await loadDueReports(db, today, REPORTS_A_CHUNK));
    if (reports.length === 0) break;
    const { listed, revision, ...loaded } = await loadCounts(db, reports);
    const isListed = (plugin: string, version: string) => listed.has(`${plugin}@${version}`);
    const outcome = countReports({ ...loaded, reports, isListed, today });
    await writeCounts(db, { reports, revision }, outcome);
  }
  await forgetNetworks(db, now.getTime(), NETWORKS_A_RUN);
}

/** The first of them whose plugins fit a chunk, at least one. */
function firstOf(reports: readonly StoredBeacon[]): readonly StoredBeacon[] {
  let plugins = 0;
  return reports.filter((report, index) => {
    plugins += Object.keys(report.plugins).length;
    return index === 0 || plugins <= PLUGINS_A_CHUNK;
  });
}
