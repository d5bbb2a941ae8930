import { writeDatabase } from "../database.ts";
import type { Database } from "../database.ts";
import type { Bindings } from "../env.ts";
import { forgetNetworks } from "../network-days.ts";
import { countReports } from "./count-reports.ts";
import { dayOf } from "./day.ts";
import { loadCounts, loadDueReports, writeCounts } from "./queries.ts";
import type { StoredBeacon } from "./tables.ts";

/** Reports that are counted together, and plugins that they may name or change together. */
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
  await forgetNetworks(db, now.getTime(), NETWORKS_A_RUN);
  for (let chunk = 0; chunk < CHUNKS_A_RUN; chunk++) {
    const reports = firstOf(await loadDueReports(db, today, REPORTS_A_CHUNK));
    if (reports.length === 0) break;
    await countChunk(db, reports, today);
  }
}

/** What reports take away they do not name: where that is too much for a batch, the first half goes first. */
async function countChunk(
  db: Database,
  reports: readonly StoredBeacon[],
  today: number,
): Promise<void> {
  const { listed, revision, ...loaded } = await loadCounts(db, reports);
  const isListed = (plugin: string, version: string) => listed.has(`${plugin}@${version}`);
  const outcome = countReports({ ...loaded, reports, isListed, today });
  if (outcome.installations.length > PLUGINS_A_CHUNK && reports.length > 1) {
    return countChunk(db, reports.slice(0, Math.ceil(reports.length / 2)), today);
  }
  await writeCounts(db, { reports, revision }, outcome);
}

/** The first of them whose plugins fit a chunk, at least one. */
function firstOf(reports: readonly StoredBeacon[]): readonly StoredBeacon[] {
  let plugins = 0;
  return reports.filter((report, index) => {
    plugins += Object.keys(report.plugins).length;
    return index === 0 || plugins <= PLUGINS_A_CHUNK;
  });
}
