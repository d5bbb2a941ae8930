import type { ErrorCode } from "@rising-bsm/protocol";
import type { VerifiedTrust } from "./verified.ts";

/** After this long without a refresh somebody should look why. */
const WARN_AFTER_MS = 48 * 3_600_000;
/** It signs every day: three days of "nothing new" may be somebody who holds back what is new. */
const FROZEN_AFTER_MS = 72 * 3_600_000;
/** How long after its signing the marketplace's timestamp expires. */
export const HEADS_LIFETIME_MS = 7 * 86_400_000;

/**
 * What to tell administrators when the marketplace was not verified for 48 hours, or has shown nothing
 * newer than three days; null before that.
 * `trust_metadata_expired` once nothing is installed any more, `unavailable` while it still is.
 */
export function staleness(
  { refreshedAt, signedAt }: Pick<VerifiedTrust, "refreshedAt" | "signedAt">,
  now: Date,
): { readonly code: ErrorCode; readonly message: string } | null {
  const isAway = now.getTime() - Date.parse(refreshedAt) >= WARN_AFTER_MS;
  const isFrozen = now.getTime() - Date.parse(signedAt) >= FROZEN_AFTER_MS;
  if (!isAway && !isFrozen) return null;
  const expires = new Date(Date.parse(signedAt) + HEADS_LIFETIME_MS);
  const isExpired = expires <= now;
  const installing = isExpired ? "nothing is" : `until ${expires.toISOString()} plugins are`;
  return {
    code: isExpired ? "trust_metadata_expired" : "unavailable",
    message: `The marketplace was last verified at ${refreshedAt}, as it signed at ${signedAt}. Installed plugins keep running, ${installing} installed or updated, and what is revoked meanwhile stays unknown. Check the network, or ask the marketplace's operator.`,
  };
}
