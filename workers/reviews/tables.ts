import { integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";

/** What instances say of plugins: one row for each major version. Triggers count them. */
export const reviews = sqliteTable("reviews", {
  id: text().primaryKey(),
  plugin: text().notNull(),
  instanceId: text("instance_id").notNull(),
  major: integer().notNull(),
  version: text().notNull(),
  rating: integer().notNull(),
  title: text().notNull(),
  text: text().notNull(),
  language: text().notNull(),
  createdAt: integer("created_at").notNull(),
  updatedAt: integer("updated_at").notNull(),
  /** The newest signed request of the instance: its time in seconds, and its id. */
  provedAt: integer("proved_at").notNull(),
  rid: text().notNull(),
  deletedAt: integer("deleted_at"),
  hiddenReason: text("hidden_reason"),
  reply: text(),
  repliedAt: integer("replied_at"),
});

/** How many reviews give how many stars. */
export const reviewCounts = sqliteTable(
  "review_counts",
  {
    plugin: text().notNull(),
    rating: integer().notNull(),
    reviews: integer().notNull(),
  },
  (table) => [primaryKey({ columns: [table.plugin, table.rating] })],
);

export type StoredReview = typeof reviews.$inferSelect;
