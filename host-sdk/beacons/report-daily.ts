import { type Beacon, RbsmError, signProof, type SigningKey } from "@rising-bsm/protocol";
import { z } from "zod";
import type { Marketplace } from "../client/marketplace.ts";
import type { HostLogger } from "../host-options.ts";
import { newRequestId, requestInstanceId } from "../license/license-requests.ts";
import type { UpdateInfo } from "../lifecycle/find-updates.ts";
import type { Slot } from "../lifecycle/slots.ts";
import type { HostStore } from "../store/host-store.ts";
import { type LastReport, planReport, reportedPlugins } from "./plan-report.ts";

/** beacon / <instance key id> */
const KIND = "beacon";

const lastReportSchema = z.strictObject({
  ownDay: z.int(),
  day: z.string(),
  attempts: z.int(),
  sent: z.boolean(),
  had: z.boolean().default(false),
});

/** What reports are made from. */
export interface ReporterParts {
  readonly server: Pick<Marketplace, "sendJson" | "url">;
  readonly key: SigningKey;
  readonly store: HostStore;
  readonly installed: () => readonly Slot[];
  /** The time to write into proofs, in ms since 1970. */
  readonly now: () => number;
  readonly logger: HostLogger;
}

/** Tells the marketplace once a day which of its plugins this instance has. */
export interface Reporter {
  /** Reports when it is time; `updates` is what the update check has just found. Never throws. */
  report(updates: readonly UpdateInfo[]): Promise<void>;
}

/** A reporter; a mirror in a folder is told nothing. */
export function createReporter(parts: ReporterParts): Reporter {
  return {
    async report(updates) {
      try {
        await reportIfDue(parts, updates);
      } catch (error) {
        parts.logger.info("The daily report was not sent", { error: String(error) });
      }
    },
  };
}

async function reportIfDue(parts: ReporterParts, updates: readonly UpdateInfo[]): Promise<void> {
  const { server, key, store } = parts;
  const plugins = reportedPlugins(parts.installed(), updates);
  if (server.url.startsWith("file:")) return;
  const row = await store.get(KIND, key.keyId);
  const { data: last = null } = lastReportSchema.safeParse(row?.value);
  const next = planReport(key.keyId, parts.now(), last);
  if (next === null || (plugins.length === 0 && !next.had)) return;
  const write = (last: LastReport) =>
    store.commit([{ kind: KIND, key: key.keyId, value: { ...last } }]);
  // Before it is sent: a process that ends meanwhile, again and again, does not send it for ever.
  await write(next);
  await send(parts, { day: next.day, plugins });
  await write({ ...next, sent: true, had: plugins.length > 0 });
}

/** An instance that the marketplace does not know, or not any more, becomes known first. */
async function send(parts: ReporterParts, report: Beacon): Promise<void> {
  await sendOnce(parts, report).catch(async (error: unknown) => {
    if (!(error instanceof RbsmError) || error.code !== "auth_proof_invalid") throw error;
    await requestInstanceId(parts);
    await sendOnce(parts, report);
  });
}

async function sendOnce({ server, key, now }: ReporterParts, report: Beacon): Promise<void> {
  await server.sendJson({
    method: "POST",
    path: "/v1/beacons",
    body: report,
    schema: z.undefined(),
    prove: ({ method, url, body }) =>
      signProof({ method, url, body, rid: newRequestId(), now: new Date(now()) }, key),
  });
}
