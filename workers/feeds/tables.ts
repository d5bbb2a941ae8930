import { integer, sqliteTable, text } from "drizzle-orm/sqlite-core";

/** Written by triggers on `log_entries` and `advisories`, in the transaction of the change. */
export const changes = sqliteTable("changes", {
  id: integer("id").primaryKey(),
  mark: text("mark").notNull(),
  at: integer("at").notNull(),
  place: integer("place"),
  advisory: text("advisory"),
  plugin: text("plugin"),
  version: text("version"),
  scope: text("scope"),
});
