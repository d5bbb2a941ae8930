/** Milliseconds since 1970 as the API states times; null stays null. */
export function isoTime<Time extends number | null>(time: Time): Time extends null ? null : string;
export function isoTime(time: number | null): string | null {
  return time === null ? null : new Date(time).toISOString();
}
