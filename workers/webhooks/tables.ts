import { integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";

/** Where a publisher is told what became of licenses. Times are milliseconds since 1970. */
export const webhooks = sqliteTable("webhooks", {
  id: text().primaryKey(),
  publisher: text().notNull(),
  /** The one scope that it is told about; null is every scope of the publisher. */
  scope: text(),
  url: text().notNull(),
  /** Types that it wants; an empty list is all. */
  events: text({ mode: "json" }).$type<readonly string[]>().notNull(),
  secretVersion: integer("secret_version").notNull(),
  rotatedAt: integer("rotated_at"),
  /** Number of the newest event that the receiver has acknowledged or does not want. */
  delivered: integer().notNull(),
  /** Failed ones since the last that did not. */
  attempts: integer().notNull().default(0),
  failingSince: integer("failing_since"),
  /** Null while nothing waits; the next event sets it. */
  nextAttemptAt: integer("next_attempt_at"),
  claimedUntil: integer("claimed_until").notNull().default(0),
  lastProblem: text("last_problem"),
  disabledAt: integer("disabled_at"),
  createdAt: integer("created_at").notNull(),
});

/** Written by triggers on `audit` and `licenses`, in the transaction of the change. */
export const licenseEvents = sqliteTable(
  "license_events",
  {
    publisher: text().notNull(),
    /** 1, 2, 3 … of the publisher. */
    number: integer().notNull(),
    nonce: text().notNull(),
    scope: text().notNull(),
    auditId: integer("audit_id").notNull(),
  },
  (table) => [primaryKey({ columns: [table.publisher, table.number] })],
);

export type Webhook = typeof webhooks.$inferSelect;
