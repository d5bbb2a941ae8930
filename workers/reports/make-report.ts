import type { ReportRequest } from "@rising-bsm/protocol";
import { hex, REVIEW_LIMITS, RbsmError } from "@rising-bsm/protocol";
import { isoDay } from "../beacons/day.ts";
import { writeDatabase } from "../database.ts";
import { secretBytes } from "../env.ts";
import type { Bindings } from "../env.ts";
import { mac } from "../mac.ts";
import { aboveQuota, networkDayOf } from "../network-days.ts";
import { findSubject } from "../reviews/queries.ts";
import { isThere, storeReport } from "./queries.ts";

/** Who sends a report, and as which request. */
export interface Reporting {
  /** Of the sender's network, as the platform names it. */
  readonly address: string | undefined;
  readonly requestId: string;
}

/**
 * Puts what somebody reports into the administrator's queue; the same from the same network on one day
 * is one report. Throws `plugin_not_found`, `request_invalid` for a version or review that the plugin
 * does not have, and `limit_rate`.
 */
export async function makeReport(
  env: Bindings,
  request: ReportRequest & { readonly plugin: string },
  { address, requestId }: Reporting,
): Promise<string> {
  const now = Date.now();
  const { plugin, reason, text, contact = null, version = null, reviewId = null } = request;
  const db = writeDatabase(env);
  const subject = await findSubject(db, plugin);
  if (subject === undefined || subject.visibility === "private") {
    throw new RbsmError("plugin_not_found");
  }
  if (!(await isThere(db, { plugin, version, reviewId }))) {
    throw new RbsmError("request_invalid", "The plugin has no such version or review");
  }
  const network = await networkDayOf(env, address, now);
  const said = JSON.stringify([network, plugin, reason, text, contact, version, reviewId]);
  const tag = hex(await mac(secretBytes(env, "CURSOR_KEY"), "report", said));
  const once = `${isoDay(now)} ${tag}`;
  const id = crypto.randomUUID();
  const report = { id, plugin, version, reviewId, reason, text, contact, createdAt: now, once };
  const fact = { action: "report.make", subject: plugin, at: now, detail: { report: id, reason } };
  const quota = { of: network, what: "reports", most: REVIEW_LIMITS.reportsPerNetwork } as const;
  const audit = { ...fact, actor: "anybody", requestId };
  const open = { ...report, resolvedAt: null, action: null, note: null };
  const stored = await storeReport(db, open, { audit, quota });
  if (stored === undefined) throw aboveQuota("Too many reports from one network today", now);
  return stored.id;
}
