import { index, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { sql } from "drizzle-orm";

/** What a license has only for hosts of the old system. */
export const legacyLicenses = sqliteTable(
  "legacy_licenses",
  {
    licenseId: text("license_id").primaryKey(),
    /** The customer's number at the seller's host. */
    userId: text("user_id"),
    /** SHA-256 of the one hardware id that it is for; null is any. */
    hardware: text(),
    /** SHA-256 of the key that it had before its last transfer. */
    formerKeyHash: text("former_key_hash").unique(),
  },
  (table) => [
    index("legacy_licenses_user")
      .on(table.userId)
      .where(sql`user_id IS NOT NULL`),
  ],
);

export type LegacyLicense = typeof legacyLicenses.$inferSelect;
