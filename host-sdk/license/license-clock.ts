import { LICENSE_LIMITS } from "@rising-bsm/protocol";

/** What the machine says: its wall clock and a counter that nobody can set. Milliseconds. */
export interface ClockReading {
  readonly system: number;
  readonly monotonic: number;
  /** Which start of the machine the counter runs since; left out when it begins with the process. */
  readonly boot?: string | undefined;
}

/** What signed times have taught this host about the true time. */
export interface LicenseClock {
  /** No earlier than this, whatever the wall clock says. Survives a restart. */
  readonly floor: number;
  /** The counter when the floor was moved or read: since then at least as much time has passed. */
  readonly floorAt: number;
  /** Server time and the counter at one moment. */
  readonly offset: { readonly server: number; readonly monotonic: number } | null;
}

/** What an earlier process has left. */
export interface StoredClock {
  readonly floor: number;
  readonly offset: {
    readonly server: number;
    readonly monotonic: number;
    readonly boot: string;
  } | null;
}

/** Goes on from what is stored; server time only where the counter still runs since the same start. */
export function restoreClock({ floor, offset }: StoredClock, reading: ClockReading): LicenseClock {
  const { monotonic, boot } = reading;
  const goesOn = offset !== null && offset.boot === boot && offset.monotonic <= monotonic;
  return {
    floor,
    floorAt: monotonic,
    offset: goesOn ? { server: offset.server, monotonic: offset.monotonic } : null,
  };
}

/**
 * The time licenses are judged by. While a recent lease has told the server's time, the wall clock
 * does not matter; without one it counts, but not below the floor and the time since.
 */
export function effectiveNow(clock: LicenseClock, reading: ClockReading): number {
  const { floor, floorAt, offset } = clock;
  const elapsed = offset === null ? Infinity : reading.monotonic - offset.monotonic;
  if (offset !== null && elapsed < LICENSE_LIMITS.offsetFreshMs) return offset.server + elapsed;
  return Math.max(reading.system, floor + Math.max(0, reading.monotonic - floorAt));
}

/**
 * Moves the floor up to a time that was signed. One step is bounded, so a single wrong signed time
 * cannot lock a host into the future; the bound is taken from wall clock and floor, not from an
 * offset that the same signature may have set.
 */
export function raiseFloor(
  clock: LicenseClock,
  signed: number,
  { system, monotonic }: ClockReading,
): LicenseClock {
  const { floor, floorAt } = clock;
  const raised = Math.min(signed, Math.max(system, floor) + LICENSE_LIMITS.floorStepMs);
  if (raised <= floor) return clock;
  // What has passed since the old floor may already be past the new one, and is not taken back.
  return { ...clock, floor: raised, floorAt: Math.min(monotonic, floorAt + raised - floor) };
}

/** How much of the time that has passed since the floor a restart may lose. */
const KEEP_AFTER_MS = 3_600_000;

/**
 * Moves the floor on by what the counter has passed, for the next process: the time since a signed
 * one has passed as surely, and without it a restart would take it back. Null while that is little,
 * and without a floor.
 */
export function keepFloor(clock: LicenseClock, { monotonic }: ClockReading): LicenseClock | null {
  const { floor, floorAt } = clock;
  const passed = monotonic - floorAt;
  if (floor === 0 || passed < KEEP_AFTER_MS) return null;
  return { ...clock, floor: floor + passed, floorAt: monotonic };
}

/** What was sent to learn the server's time, and when by the counter. */
export interface NonceSent {
  readonly nonce: string;
  readonly monotonic: number;
}

/**
 * Takes the server's time from a lease that answers this host's own nonce soon after it was sent.
 * An answer held back for longer, or to a nonce of an earlier process, proves no present time.
 */
export function takeOffset(
  clock: LicenseClock,
  lease: { readonly issuedAt: number; readonly nonce: string | undefined },
  { sent, reading }: { sent: NonceSent | null; reading: ClockReading },
): LicenseClock {
  if (sent === null || lease.nonce !== sent.nonce) return clock;
  if (reading.monotonic - sent.monotonic > LICENSE_LIMITS.nonceAgeMs) return clock;
  return { ...clock, offset: { server: lease.issuedAt, monotonic: sent.monotonic } };
}
