/** Conversions of WebIDL: what a web API makes of any value that it is given. */

export function domString(value: unknown): string {
  if (typeof value === "symbol") throw new TypeError("A symbol is no text");
  return String(value);
}

/** Without half surrogate pairs. */
export function usvString(value: unknown): string {
  return domString(value).toWellFormed();
}

/** A `long long`: what is no number is 0. */
export function integer(value: unknown): number {
  return Math.trunc(Number(value)) || 0;
}
