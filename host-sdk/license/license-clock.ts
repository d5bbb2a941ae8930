import { LICENSE_LIMITS } from "@rising-bsm/protocol";

/** What the machine says: its wall clock and a counter that nobody can set. Milliseconds. */
export interface ClockReading {
  readonly system: number;
  readonly monotonic: number;
}

/** What signed times have taught this host about the true time. */
export interface LicenseClock {
  /** No earlier than this, whatever the wall clock says. Survives a restart. */
  readonly floor: number;
  /** Server time and the counter at one moment; of no use to another process. */
  readonly offset: { readonly server: number; readonly monotonic: number } | null;
}

/**
 * The time licenses are judged by. While a recent lease has told the server's time, the wall clock
 * does not matter; without one it counts, but not below the floor.
 */
export function effectiveNow({ floor, offset }: LicenseClock, reading: ClockReading): number {
  const elapsed = offset === null ? Infinity : reading.monotonic - offset.monotonic;
  if (offset !== null && elapsed < LICENSE_LIMITS.offsetFreshMs) return offset.server + elapsed;
  return Math.max(reading.system, floor);
}

/**
 * Moves the floor up to a time that was signed. One step is bounded, so a single wrong signed time
 * cannot lock a host into the future; the bound is taken from wall clock and floor, not from an
 * offset that the same signature may have set.
 */
export function raiseFloor(
  clock: LicenseClock,
  signed: number,
  { system }: ClockReading,
): LicenseClock {
  const reach = Math.max(system, clock.floor) + LICENSE_LIMITS.floorStepMs;
  return { ...clock, floor: Math.max(clock.floor, Math.min(signed, reach)) };
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
