import { integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";

/** What an instance reported last. Days are numbered from 1970-01-01. */
export const beacons = sqliteTable("beacons", {
  instanceId: text("instance_id").primaryKey(),
  firstDay: integer("first_day").notNull(),
  day: integer().notNull(),
  /** Versions by name. */
  plugins: text({ mode: "json" }).$type<Readonly<Record<string, string>>>().notNull(),
  /** `installations` says what `plugins` says. */
  counted: integer({ mode: "boolean" }).notNull(),
  /** The day on which it is looked at next. */
  due: integer().notNull(),
});

/** What was counted: a plugin that an instance has or had. */
export const installations = sqliteTable(
  "installations",
  {
    instanceId: text("instance_id").notNull(),
    plugin: text().notNull(),
    version: text().notNull(),
    firstDay: integer("first_day").notNull(),
    installed: integer({ mode: "boolean" }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.instanceId, table.plugin] })],
);

/** The one row that orders all counting. */
export const counting = sqliteTable("counting", {
  id: integer().primaryKey(),
  revision: integer().notNull(),
});

export type StoredBeacon = typeof beacons.$inferSelect;
export type Installation = typeof installations.$inferSelect;
