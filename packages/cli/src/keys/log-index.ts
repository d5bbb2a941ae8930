import { RbsmError } from "@rising-bsm/protocol";

/** A place in the log as people write it. */
export function wholeNumber(text: string | undefined, option: string): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new RbsmError("usage", `${option} takes the number of a log entry, not "${text}"`);
}
