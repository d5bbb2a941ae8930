import { intervalsOf, localText } from "@rising-bsm/protocol";
import type { Advisory, OsvEntry, VersionInterval } from "@rising-bsm/protocol";

const ECOSYSTEM = "Rising-BSM";
const SUMMARY_CHARS = 120;

/** When an advisory was changed last, and taken back. Milliseconds since 1970. */
export interface OsvTimes {
  readonly modifiedAt: number;
  readonly withdrawnAt: number | null;
}

/** The advisory as OSV (schema 1.6) has it: affected plugins by ranges, what hosts do as its own data. */
export function toOsv(advisory: Advisory, { modifiedAt, withdrawnAt }: OsvTimes): OsvEntry {
  const { id, match, reason, issuedAt, action } = advisory;
  const details = localText(reason, "en");
  return {
    schema_version: "1.6.0",
    id,
    published: issuedAt,
    modified: new Date(modifiedAt).toISOString(),
    ...(withdrawnAt === null ? {} : { withdrawn: new Date(withdrawnAt).toISOString() }),
    summary: summaryOf(details),
    details,
    affected: affectedBy(match),
    references:
      advisory.advisory === undefined ? [] : [{ type: "ADVISORY", url: advisory.advisory }],
    database_specific: { action, match, reason: { en: details, de: localText(reason, "de") } },
  };
}

/** A release that is known by its digest or key alone is in `database_specific.match`. */
function affectedBy(match: Advisory["match"]): OsvEntry["affected"] {
  if (!("plugin" in match)) return [];
  const ranges = intervalsOf(match.versions).map((interval) => ({
    type: "SEMVER" as const,
    events: eventsOf(interval),
  }));
  return [{ package: { ecosystem: ECOSYSTEM, name: match.plugin }, ranges }];
}

function eventsOf({ introduced, fixed, lastAffected }: VersionInterval) {
  return [
    { introduced: introduced ?? "0" },
    ...(fixed === undefined ? [] : [{ fixed }]),
    ...(lastAffected === undefined ? [] : [{ last_affected: lastAffected }]),
  ];
}

function summaryOf(text: string): string {
  const [line = ""] = text.split("\n", 1);
  return line.length <= SUMMARY_CHARS ? line : `${line.slice(0, SUMMARY_CHARS - 1).trimEnd()}…`;
}
