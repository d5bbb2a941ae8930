import { DrizzleQueryError } from "drizzle-orm/errors";

const MOST_CAUSES = 4;

/**
 * An error and its causes for the Worker's log. The values of a query stay out of it (leases, hashes,
 * names of customers), and so does whatever would open something to who reads the log.
 */
export function describeError(error: unknown): string {
  const parts: string[] = [];
  let next = error;
  while (next instanceof Error && parts.length < MOST_CAUSES) {
    parts.push(`${messageOf(next)}\n${framesOf(next)}`.trimEnd());
    next = next.cause;
  }
  return blankSecrets(parts.length === 0 ? String(error) : parts.join("\ncaused by "));
}

function messageOf(error: Error): string {
  if (error instanceof DrizzleQueryError) return `Failed query: ${error.query}`;
  return `${error.name}: ${error.message}`;
}

/** A stack begins with the message, of which only the part above is wanted. */
function framesOf({ stack = "" }: Error): string {
  return stack
    .split("\n")
    .filter((line) => /^\s+at /.test(line))
    .join("\n");
}

const SECRETS = [
  // A token, a license key of today or of the old system, a webhook's or the payment provider's secret.
  /\brbsm_pat_[\w-]+/g,
  /\bRBSM(?:-[0-9A-Z]{4}){3,}/gi,
  /\b[0-9A-F]{6}(?:-[0-9A-F]{6}){4}\b/gi,
  /\b(?:whsec|cs|sk|rk)_[\w+/=-]{8,}/g,
  // A JWS: a lease, a proof, a receipt.
  /\beyJ[\w-]+\.[\w-]+(?:\.[\w-]+)?/g,
  // What gives a link its worth.
  /(?<=[?&](?:m|session_id)=)[^&\s]+/g,
  /(?<=\bBearer )\S+/gi,
];

/** The text with everything blanked that grants something. */
export function blankSecrets(text: string): string {
  return SECRETS.reduce((rest, pattern) => rest.replace(pattern, "…"), text);
}
