import { integer, primaryKey, real, sqliteTable, text } from "drizzle-orm/sqlite-core";

/** Who needs a plugin: public plugins, each by the release that it shows. */
export const dependents = sqliteTable(
  "dependents",
  {
    plugin: text("plugin").notNull(),
    dependent: text("dependent").notNull(),
    range: text("range").notNull(),
    /** Minus the dependent's downloads. */
    lessPopular: integer("less_popular").notNull().default(0),
  },
  (table) => [primaryKey({ columns: [table.plugin, table.dependent] })],
);

/** Their number and the most popular ones; triggers write it. */
export const dependentCounts = sqliteTable("dependent_counts", {
  plugin: text("plugin").primaryKey(),
  total: integer("total").notNull(),
  top: text("top", { mode: "json" }).$type<{ name: string; range: string }[]>().notNull(),
});

/** What is counted of a plugin. */
export const pluginCounts = sqliteTable("plugin_counts", {
  plugin: text("plugin").primaryKey(),
  /** Instances that have it now, and that ever had it. */
  installs: integer("installs").notNull(),
  downloads: integer("downloads").notNull(),
  /** Reviews that count, and the sum of their stars. */
  ratings: integer("ratings").notNull(),
  stars: integer("stars").notNull(),
  /** 1 while search shows older numbers. */
  stale: integer("stale").notNull().default(0),
  /** What plugins are ordered by, and what that is made from (workers/beacons/trend.ts). */
  trending: real("trending").notNull().default(0),
  momentum: real("momentum").notNull().default(0),
});
