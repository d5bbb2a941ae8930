import { isVersion, parseVersion, REVIEW_LIMITS, RbsmError } from "@rising-bsm/protocol";
import { dayOf } from "../beacons/day.ts";
import type { Installation } from "../beacons/tables.ts";
import type { Activation, License } from "../licenses/tables.ts";
import { aboveQuota } from "../network-days.ts";
import type { StoredReview } from "./tables.ts";

/** What is known of the instance that wants to review a plugin. */
export interface Holding {
  /** Null when the instance is not registered. */
  readonly instanceId: string | null;
  /** What was counted of it; null when it never reported the plugin. */
  readonly installation: Pick<Installation, "version" | "firstDay" | "installed"> | null;
  readonly activations: readonly HeldLicense[];
  /** The version that is spoken of, when it is published; null otherwise. */
  readonly version: { readonly version: string; readonly needsLicense: boolean } | null;
}

/** A license on the instance. */
export type HeldLicense = Pick<Activation, "createdAt" | "endedAt" | "heldUntil"> &
  Pick<License, "state" | "payment">;

/** Whose review of which major version it is. */
export interface Admission {
  readonly instanceId: string;
  readonly version: string;
  readonly major: number;
}

/**
 * Lets instances review what they have had for a day: by a license that is in force, or, where none is
 * needed, by what was counted of their reports. Throws `request_invalid` for a version that is not
 * published, and `auth_not_held`.
 */
export function admitReview(holding: Holding, now: number): Admission {
  const { instanceId, version, installation } = holding;
  if (version === null) {
    throw new RbsmError("request_invalid", "This version of the plugin is not published");
  }
  const { major } = parseVersion(version.version);
  const isLicensed = holding.activations.some((license) => isInForce(license, now));
  const isReported = !version.needsLicense && hasReported(installation, major, now);
  if (instanceId === null || (!isLicensed && !isReported)) {
    throw new RbsmError("auth_not_held", undefined, {
      fix: "Wait until the plugin has been installed for a day and the instance has reported it.",
    });
  }
  return { instanceId, version: version.version, major };
}

function isInForce(license: HeldLicense, now: number): boolean {
  const isGood = license.state === "active" && license.payment === "ok";
  const isHeld = license.endedAt === null && license.heldUntil > now;
  return isGood && isHeld && license.createdAt <= now - REVIEW_LIMITS.heldMs;
}

function hasReported(installation: Holding["installation"], major: number, now: number): boolean {
  if (installation?.installed !== true || !isVersion(installation.version)) return false;
  // The report may have come at the end of its day.
  const isLongAgo = installation.firstDay < dayOf(now - REVIEW_LIMITS.heldMs);
  return isLongAgo && parseVersion(installation.version).major === major;
}

/** Of what an instance has stored, in the batch that did not store its request: why it did not. */
export function whyNotStored(
  own: readonly Pick<StoredReview, "major" | "provedAt" | "deletedAt" | "createdAt">[],
  { major, iat }: { readonly major: number; readonly iat: number },
  now: number,
): RbsmError {
  const former = own.find((review) => review.major === major);
  if (former !== undefined && former.provedAt >= iat) return outdated();
  const since = now - REVIEW_LIMITS.betweenMajorsMs;
  const isRecent = own.some(({ deletedAt, createdAt }) => deletedAt === null && createdAt > since);
  if (former?.deletedAt !== null && isRecent) {
    return new RbsmError(
      "conflict_state",
      "This instance reviewed another major version of the plugin a short time ago",
      { fix: "Delete that review, or review this version later." },
    );
  }
  return aboveQuota("Too many reviews from one network today", now);
}

export function outdated(): RbsmError {
  return new RbsmError("conflict_state", "A newer request about this review was taken", {
    fix: "Look at the review, and send the change again if it is still wanted.",
  });
}
