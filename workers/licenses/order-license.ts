import { sql } from "drizzle-orm";
import { auditIf } from "../audit.ts";
import type { Database } from "../database.ts";
import type { Bindings } from "../env.ts";
import type { AuditEntry } from "../schema.ts";
import { deriveLicense } from "./derive-license.ts";
import type { LicenseIdentity } from "./derive-license.ts";
import { issueLicense } from "./issue-license.ts";
import type { LicenseOrder, LicenseTerms } from "./issue-license.ts";
import { exists } from "./seat-queries.ts";
import { licenses } from "./tables.ts";
import type { License } from "./tables.ts";

/** What was bought, as it was offered then. */
export interface PaidOrder extends LicenseOrder {
  readonly id: string;
}

/** Id and key of an order's license: whoever may see the order can be told them at any time. */
export function orderLicense(env: Bindings, orderId: string): Promise<LicenseIdentity> {
  return deriveLicense(env, ["order", orderId]);
}

/** The terms of a paid order; `until` is the paid one, null leaves what the plan says. */
export function licenseForOrder(
  order: PaidOrder,
  { until }: { readonly until: number | null },
  now: number,
): LicenseTerms {
  const terms = issueLicense(order, now);
  return {
    ...terms,
    orderId: order.id,
    until: terms.until === null ? null : (until ?? terms.until),
  };
}

/** Statements for a batch: the order's license, once, with its audit row. */
export function insertOrderLicense(db: Database, license: License, entry: AuditEntry) {
  const isNew = sql`NOT ${exists(sql`SELECT 1 FROM licenses WHERE id = ${license.id}`)}`;
  return [
    auditIf(db, entry, isNew),
    db.insert(licenses).values(license).onConflictDoNothing({ target: licenses.id }),
  ] as const;
}

export interface Payment {
  readonly licenseId: string;
  readonly payment: License["payment"];
  /** Until when it is paid for, in ms; what is later already stays. */
  readonly until?: number | undefined;
}

/** Statements for a batch: what the payment of a license has come to; no audit row when that is known. */
export function setPayment(
  db: Database,
  { licenseId, payment, until }: Payment,
  entry: AuditEntry,
) {
  const paidLonger = sql`(${until ?? null} IS NOT NULL AND ${licenses.until} < ${until ?? null})`;
  const isNews = sql`${licenses.id} = ${licenseId}
    AND (${licenses.payment} <> ${payment} OR coalesce(${paidLonger}, 0))`;
  const later = sql<number>`CASE WHEN ${paidLonger} THEN ${until ?? null} ELSE ${licenses.until} END`;
  return [
    auditIf(db, entry, exists(sql`SELECT 1 FROM ${licenses} WHERE ${isNews}`)),
    db
      .update(licenses)
      .set({ payment, until: later, revision: sql`${licenses.revision} + 1` })
      .where(isNews),
  ] as const;
}
