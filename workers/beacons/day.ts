const DAY_MS = 86_400_000;

/** The number of the UTC day that a time in milliseconds falls into; 1970-01-01 is 0. */
export function dayOf(time: number): number {
  return Math.floor(time / DAY_MS);
}

/** The UTC day that a time falls into, written like 2026-11-23. */
export function isoDay(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

/** The number of a day that is written like 2026-11-23. */
export function dayNumber(date: string): number {
  return dayOf(Date.parse(date));
}
