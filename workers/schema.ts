import type { Advisories, Envelope } from "@rising-bsm/protocol";
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
  /** SHA-256 of the recovery key in force. */
  recoveryHash: text("recovery_hash"),
  /** Counts the changes to the keys. */
  keysRevision: integer("keys_revision").notNull().default(0),
});

export const publisherKeys = sqliteTable("publisher_keys", {
  keyId: text("key_id").primaryKey(),
  publisher: text("publisher").notNull(),
  publicKey: text("public_key").notNull(),
  recoveryHash: text("recovery_hash"),
  createdAt: integer("created_at").notNull(),
  revokedAt: integer("revoked_at"),
  /** Releases from this place in the log on do not count with the key. */
  revokedFrom: integer("revoked_from"),
});

/** What publishers said about their keys, in the order in which it was taken. */
export const keyStatements = sqliteTable(
  "key_statements",
  {
    publisher: text("publisher").notNull(),
    place: integer("place").notNull(),
    digest: text("digest").notNull(),
    envelope: text("envelope", { mode: "json" }).$type<Envelope>().notNull(),
  },
  (table) => [primaryKey({ columns: [table.publisher, table.place] })],
);

export const scopes = sqliteTable("scopes", {
  scope: text("scope").primaryKey(),
  publisher: text("publisher").notNull(),
  createdAt: integer("created_at").notNull(),
  /** The name as it looks: names that look alike fold to the same. */
  fold: text("fold"),
});

/** A scope that changes hands when its cool-down has passed. */
export const scopeTransfers = sqliteTable("scope_transfers", {
  scope: text("scope").primaryKey(),
  toPublisher: text("to_publisher").notNull(),
  requestedAt: integer("requested_at").notNull(),
  effectiveAt: integer("effective_at").notNull(),
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
  /** The part of the catalogue that lists the document, and the document that it lists. */
  shard: text("shard"),
  documentSha256: text("document_sha256"),
  removedAt: integer("removed_at"),
  /** The name without its scope as it looks. */
  fold: text("fold"),
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
    /** Payload of the release statement, fixed together with its place in the log. */
    statement: text("statement"),
    logIndex: integer("log_index"),
    /** `VersionDetails` as JSON (media/details.ts); null while they are still to be made. */
    details: text("details"),
    /** How often they were begun, and the time before which that is not done again. */
    detailsTries: integer("details_tries").notNull().default(0),
    detailsDue: integer("details_due").notNull().default(0),
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

/** The one row that orders all writes of log and trust metadata. */
export const heads = sqliteTable("heads", {
  id: integer("id").primaryKey(),
  revision: integer("revision").notNull(),
  logSize: integer("log_size").notNull(),
  logRoot: text("log_root").notNull(),
  tufVersion: integer("tuf_version").notNull(),
  shownLogSize: integer("shown_log_size").notNull(),
  shownTufVersion: integer("shown_tuf_version").notNull(),
  holder: text("holder"),
  heldUntil: integer("held_until").notNull().default(0),
  passBegun: integer("pass_begun").notNull().default(0),
  passDone: integer("pass_done").notNull().default(0),
});

/** What waits to be logged: an entry, or a release whose entry is made when its place is fixed. */
export const logQueue = sqliteTable("log_queue", {
  id: integer("id").primaryKey({ autoIncrement: true }),
  entry: text("entry"),
  plugin: text("plugin"),
  version: text("version"),
});

export const logEntries = sqliteTable("log_entries", {
  place: integer("place").primaryKey(),
  entry: text("entry").notNull(),
});

/** Level 0: hashes of the entries. Level L: hashes of the full tiles of level L - 1. */
export const logHashes = sqliteTable(
  "log_hashes",
  {
    level: integer("level").notNull(),
    place: integer("place").notNull(),
    hash: text("hash").notNull(),
  },
  (table) => [primaryKey({ columns: [table.level, table.place] })],
);

/** What the ceremonies signed, by its key in the bucket, base64. */
export const trustFiles = sqliteTable("trust_files", {
  key: text("key").primaryKey(),
  content: text("content").notNull(),
  /** Lies in the bucket as well. */
  stored: integer("stored", { mode: "boolean" }).notNull().default(false),
});

/** The metadata of each role that is in force. */
export const trustRoles = sqliteTable("trust_roles", {
  role: text("role").$type<"root" | "targets" | "catalog" | "timestamp">().primaryKey(),
  version: integer("version").notNull(),
  length: integer("length").notNull(),
  sha256: text("sha256").notNull(),
  expiresAt: integer("expires_at").notNull(),
  /** Ids of online keys: those that root and targets allow, those that signed the others. */
  keyIds: text("key_ids", { mode: "json" })
    .$type<Partial<Record<OnlineRole, readonly string[]>>>()
    .notNull(),
});

/** The TUF roles whose keys the Worker holds. */
export type OnlineRole = "catalog" | "snapshot" | "timestamp";

/** Targets of the role `catalog` that have to be made again; triggers count the changes. */
export const catalogChanges = sqliteTable("catalog_changes", {
  target: text("target").primaryKey(),
  changes: integer("changes").notNull().default(1),
});

/** The targets of the online role `catalog`, as they were last written. */
export const catalogTargets = sqliteTable("catalog_targets", {
  target: text("target").primaryKey(),
  length: integer("length").notNull(),
  sha256: text("sha256").notNull(),
  catalogVersion: integer("catalog_version").notNull(),
});

export const advisories = sqliteTable("advisories", {
  id: text("id").primaryKey(),
  entry: text("entry", { mode: "json" }).$type<Advisories["entries"][number]>().notNull(),
  withdrawnAt: integer("withdrawn_at"),
});

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
export type Heads = typeof heads.$inferSelect;
export type TrustRole = typeof trustRoles.$inferSelect;
export type CatalogTarget = typeof catalogTargets.$inferSelect;
export type Version = Omit<typeof versions.$inferSelect, "detailsTries" | "detailsDue">;
export type AuditEntry = typeof audit.$inferInsert;
