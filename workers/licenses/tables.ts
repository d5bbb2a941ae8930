import { index, integer, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { sql } from "drizzle-orm";

/** Times are milliseconds since 1970; they become seconds only inside a lease. */
export type Entitlements = Record<string, boolean | number>;

/** An installation of Rising-BSM, known by the public half of a key that never leaves it. */
export const instances = sqliteTable("instances", {
  id: text().primaryKey(),
  publicKey: text("public_key").notNull().unique(),
  jkt: text().notNull().unique(),
  createdAt: integer("created_at").notNull(),
});

/**
 * A sold right to use a plugin. The plan's terms are copied when it is issued: what a publisher
 * writes into a later manifest does not change what was sold.
 */
export const licenses = sqliteTable("licenses", {
  id: text().primaryKey(),
  keyHash: text("key_hash").notNull().unique(),
  plugin: text().notNull(),
  plan: text().notNull(),
  kind: text({ enum: ["free", "perpetual", "subscription", "trial", "floating"] }).notNull(),
  state: text({ enum: ["active", "suspended", "revoked"] }).notNull(),
  /** Instances that may hold a lease at a time; null is unlimited. */
  seats: integer(),
  users: integer(),
  entitlements: text({ mode: "json" }).$type<Entitlements>().notNull(),
  org: text(),
  period: text({ enum: ["month", "year"] }),
  /** A trial's length; its `until` is set when it is activated first. */
  trialDays: integer("trial_days"),
  until: integer(),
  updatesUntil: integer("updates_until"),
  transferredAt: integer("transferred_at"),
  /** Counts changes; a change is written only over the one it was decided on. */
  revision: integer().notNull(),
  createdAt: integer("created_at").notNull(),
  /** Instances above the seats that may hold it too; they are flagged. */
  overage: integer().notNull().default(0),
  /** What the payment behind it came to; `state` is what people decide. */
  payment: text({ enum: ["ok", "disputed", "refunded"] })
    .notNull()
    .default("ok"),
  orderId: text("order_id").unique(),
});

/**
 * One license on one instance. `seq` and `rid` belong to the newest lease; `heldUntil` is what
 * counts for seats, so that ending an activation frees nothing while its lease still works.
 */
export const activations = sqliteTable(
  "activations",
  {
    id: text().primaryKey(),
    licenseId: text("license_id").notNull(),
    instanceId: text("instance_id").notNull(),
    plugin: text().notNull(),
    trial: integer({ mode: "boolean" }).notNull(),
    seq: integer().notNull(),
    rid: text().notNull(),
    lease: text().notNull(),
    leaseUntil: integer("lease_until").notNull(),
    heldUntil: integer("held_until").notNull(),
    endedAt: integer("ended_at"),
    conflicts: integer().notNull().default(0),
    createdAt: integer("created_at").notNull(),
    /** When the first of the counted conflicts was. */
    conflictsSince: integer("conflicts_since"),
    /** Its seat is one of the overage. */
    overSeats: integer("over_seats", { mode: "boolean" }).notNull().default(false),
    /** How often its newest lease was answered to who held an older one, in the running window. */
    resumes: integer().notNull().default(0),
    resumesSince: integer("resumes_since"),
    /** The newest lease that was answered so; answering it once more does not count. */
    resumedSeq: integer("resumed_seq"),
  },
  (table) => [
    uniqueIndex("activations_license_instance").on(table.licenseId, table.instanceId),
    uniqueIndex("activations_one_trial")
      .on(table.instanceId, table.plugin)
      .where(sql`trial = 1`),
    index("activations_seats").on(table.licenseId, table.heldUntil),
  ],
);

/** Wrong or refused license keys an instance has tried in the running window. */
export const activationAttempts = sqliteTable("activation_attempts", {
  instanceId: text("instance_id").primaryKey(),
  windowEndsAt: integer("window_ends_at").notNull(),
  attempts: integer().notNull(),
});

export type License = typeof licenses.$inferSelect;
export type Activation = typeof activations.$inferSelect;
export type Instance = typeof instances.$inferSelect;
