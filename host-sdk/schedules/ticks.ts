import { createHash } from "node:crypto";
import { RbsmError } from "@rising-bsm/protocol";
import { Cron } from "croner";

/** A planned run waits for at most this share of the time to the next one, and at most this long. */
const JITTER_SHARE = 0.1;
const JITTER_MS = 60_000;

/**
 * The first planned time after `after` (ms since 1970), or null when there is none, as for
 * 30 February. In the hour that summer time leaves out a fixed time runs at the end of the gap and
 * a repeated one not at all; in the hour that comes twice a fixed time runs once, the first time,
 * and a repeated one in both.
 */
export function nextTick(cron: string, timezone: string, after: number): number | null {
  const next = new Cron(cron, { mode: "5-part", timezone }).nextRun(new Date(after));
  return next === null ? null : next.getTime();
}

/** How long a planned run waits, in ms: always the same for one `identity`, so that hosts spread. */
export function jitterOf(identity: string, intervalMs: number): number {
  const fraction = createHash("sha256").update(identity).digest().readUInt32BE() / 2 ** 32;
  return Math.floor(fraction * Math.min(intervalMs * JITTER_SHARE, JITTER_MS));
}

/** The time zone that schedules are read in; the system's when none is given. Throws `usage`. */
export function timezoneOf(option: string | undefined): string {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: option }).resolvedOptions().timeZone;
  } catch (error) {
    throw new RbsmError(
      "usage",
      `There is no time zone ${option}`,
      { fix: 'Write it like "Europe/Berlin" or "UTC".' },
      error,
    );
  }
}
