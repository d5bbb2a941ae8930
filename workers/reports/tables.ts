import type { REPORT_ACTIONS, REPORT_REASONS } from "@rising-bsm/protocol";
import { integer, sqliteTable, text } from "drizzle-orm/sqlite-core";

/** What somebody says is wrong with a plugin, and what became of it. */
export const reports = sqliteTable("reports", {
  id: text().primaryKey(),
  plugin: text().notNull(),
  version: text(),
  reviewId: text("review_id"),
  reason: text().$type<(typeof REPORT_REASONS)[number]>().notNull(),
  text: text().notNull(),
  /** Only until the report is resolved. */
  contact: text(),
  createdAt: integer("created_at").notNull(),
  resolvedAt: integer("resolved_at"),
  action: text().$type<(typeof REPORT_ACTIONS)[number]>(),
  note: text(),
  /** The same report again from the same network; forgotten with that. */
  once: text(),
});

export type StoredReport = typeof reports.$inferSelect;
