import { integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";

/**
 * Types of the tables of database DB; migrations/db/*.sql creates them and holds their constraints.
 * Times are milliseconds since 1970. Licenses have their own tables beside their feature.
 */
export const publishers = sqliteTable("publishers", {
  name: text("name").primaryKey(),
  displayName: text("display_name").notNull(),
  verified: integer("verified", { mode: "boolean" }).notNull().default(false),
  approvedAt: integer("approved_at"),
  createdAt: integer("created_at").notNull(),
});

export const publisherKeys = sqliteTable("publisher_keys", {
  keyId: text("key_id").primaryKey(),
  publisher: text("publisher").notNull(),
  publicKey: text("public_key").notNull(),
  recoveryHash: text("recovery_hash"),
  createdAt: integer("created_at").notNull(),
  revokedAt: integer("revoked_at"),
});

export const scopes = sqliteTable("scopes", {
  scope: text("scope").primaryKey(),
  publisher: text("publisher").notNull(),
  createdAt: integer("created_at").notNull(),
});

export const tokens = sqliteTable("tokens", {
  id: text("id").primaryKey(),
  hash: text("hash").notNull(),
  publisher: text("publisher").notNull(),
  scope: text("scope"),
  permissions: text("permissions", { mode: "json" }).$type<string[]>().notNull(),
  createdAt: integer("created_at").notNull(),
  expiresAt: integer("expires_at"),
  revokedAt: integer("revoked_at"),
});

export const plugins = sqliteTable("plugins", {
  name: text("name").primaryKey(),
  scope: text("scope").notNull(),
  latest: text("latest"),
  channels: text("channels", { mode: "json" })
    .$type<Record<string, string>>()
    .notNull()
    .default({}),
  revision: integer("revision").notNull().default(0),
  documentRevision: integer("document_revision").notNull().default(0),
  searchRevision: integer("search_revision").notNull().default(0),
  createdAt: integer("created_at").notNull(),
  updatedAt: integer("updated_at").notNull(),
});

/**
 * in_review → publishing → released → published. `publishing`: its place in the order is fixed.
 * `released`: bundle and release statement are served. `published`: the public document lists it.
 * `rejected` is a review that ended otherwise; it can be approved after an appeal.
 */
export type VersionStatus = "in_review" | "rejected" | "publishing" | "released" | "published";

export const versions = sqliteTable(
  "versions",
  {
    plugin: text("plugin").notNull(),
    version: text("version").notNull(),
    sortKey: text("sort_key").notNull(),
    status: text("status").$type<VersionStatus>().notNull(),
    statusReason: text("status_reason"),
    seq: integer("seq"),
    sha256: text("sha256").notNull(),
    size: integer("size").notNull(),
    treeDigest: text("tree_digest").notNull(),
    publisherKeyId: text("publisher_key_id").notNull(),
    manifest: text("manifest").notNull(),
    paid: integer("paid", { mode: "boolean" }).notNull(),
    yankedReason: text("yanked_reason"),
    deprecatedReason: text("deprecated_reason"),
    createdAt: integer("created_at").notNull(),
    publishedAt: integer("published_at"),
  },
  (table) => [primaryKey({ columns: [table.plugin, table.version] })],
);

export const channels = sqliteTable(
  "channels",
  {
    plugin: text("plugin").notNull(),
    channel: text("channel").notNull(),
    version: text("version").notNull(),
    atSeq: integer("at_seq").notNull(),
  },
  (table) => [primaryKey({ columns: [table.plugin, table.channel] })],
);

/** One row for every privileged action, written in the batch that does it. */
export const audit = sqliteTable("audit", {
  id: integer("id").primaryKey(),
  at: integer("at").notNull(),
  actor: text("actor").notNull(),
  action: text("action").notNull(),
  subject: text("subject").notNull(),
  detail: text("detail", { mode: "json" }).$type<Record<string, unknown>>().notNull().default({}),
  requestId: text("request_id").notNull(),
});

export type Publisher = typeof publishers.$inferSelect;
export type PublisherKey = typeof publisherKeys.$inferSelect;
export type Version = typeof versions.$inferSelect;
export type AuditEntry = typeof audit.$inferInsert;
