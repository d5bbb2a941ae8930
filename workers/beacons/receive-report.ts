import { RbsmError } from "@rising-bsm/protocol";
import type { Beacon } from "@rising-bsm/protocol";
import { writeDatabase } from "../database.ts";
import type { Bindings } from "../env.ts";
import { networkDayOf } from "../network-days.ts";
import { dayNumber } from "./day.ts";
import { decideReport, isOfToday } from "./decide-report.ts";
import { insertReport, loadReport, replaceReport } from "./queries.ts";

/** Who reports, from where and when. */
export interface Reporter {
  readonly instanceId: string;
  readonly address: string | undefined;
  readonly now: number;
}

/** Two reports of one instance at once are decided one after the other. */
const ATTEMPTS = 3;

/**
 * Stores what an instance reports; an older or repeated day changes nothing. Throws
 * `auth_proof_invalid` when the instance is not registered, `request_invalid` when the day is another
 * than today's.
 */
export async function receiveReport(
  env: Bindings,
  reporter: Reporter,
  report: Beacon,
): Promise<void> {
  const { instanceId, now } = reporter;
  if (!isOfToday(dayNumber(report.day), now)) {
    throw new RbsmError("request_invalid", "The report is not of today (UTC)");
  }
  const db = writeDatabase(env);
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const stored = await loadReport(db, instanceId);
    if (stored === "unknown") {
      throw new RbsmError("auth_proof_invalid", "The instance is not known");
    }
    const next = decideReport(instanceId, stored, report);
    if (next === null) return;
    if (stored === null) {
      return insertReport(db, next, await networkDayOf(env, reporter.address, now));
    }
    if (await replaceReport(db, next, stored)) return;
  }
}
