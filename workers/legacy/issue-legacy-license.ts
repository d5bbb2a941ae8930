import { RbsmError } from "@rising-bsm/protocol";
import { issueLicense } from "../licenses/issue-license.ts";
import type { LicenseTerms, Plan } from "../licenses/issue-license.ts";
import { planOfType } from "./license-types.ts";
import type { TypeOrder } from "./license-types.ts";

export interface LegacyOrder extends TypeOrder {
  readonly plugin: string;
  /** Other limits than the type's. */
  readonly usageLimits?: Readonly<Record<string, number>> | undefined;
}

/** What is sold under a type of the old system. Throws `request_invalid` for an end in the past. */
export function issueLegacyLicense(
  plans: readonly Plan[],
  order: LegacyOrder,
  now: number,
): LicenseTerms {
  const { plugin, expiresAt, usageLimits = {} } = order;
  if (expiresAt !== undefined && expiresAt <= now) {
    throw new RbsmError("request_invalid", "The license would have expired already");
  }
  const plan = planOfType(plans, order);
  const entitlements = { ...plan.entitlements, ...usageLimits };
  const terms = issueLicense({ plugin, plan: { ...plan, entitlements } }, now);
  return { ...terms, ...(expiresAt === undefined ? {} : { until: expiresAt }) };
}
