-- The one row that orders all writes of log and trust metadata. Every change adds one to `revision`; the
-- trigger makes the whole batch of a writer fail who started from an older one.
CREATE TABLE heads (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  revision INTEGER NOT NULL,
  log_size INTEGER NOT NULL,
  log_root TEXT NOT NULL CHECK (length(log_root) = 64),
  -- Number of the newest snapshot and timestamp that anybody began to write.
  tuf_version INTEGER NOT NULL,
  -- Size of the log whose checkpoint, and version whose timestamp, are known to lie in the bucket.
  shown_log_size INTEGER NOT NULL,
  shown_tuf_version INTEGER NOT NULL,
  -- Who works on the heads now, and until when nobody else does.
  holder TEXT,
  held_until INTEGER NOT NULL DEFAULT 0,
  -- Passes of work are numbered; one that is done has shown all that was there when it began.
  pass_begun INTEGER NOT NULL DEFAULT 0,
  pass_done INTEGER NOT NULL DEFAULT 0
) STRICT;
-- SHA-256 of nothing: the root of a log without entries.
INSERT INTO heads (id, revision, log_size, log_root, tuf_version, shown_log_size, shown_tuf_version)
VALUES (1, 0, 0, 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', 0, 0, 0);
CREATE TRIGGER heads_in_order BEFORE UPDATE OF revision ON heads
WHEN NEW.revision <> OLD.revision + 1
BEGIN
  SELECT RAISE(ABORT, 'heads_moved');
END;

-- What waits to be logged. `entry` is the entry's JSON; of a release it is made when it is integrated.
CREATE TABLE log_queue (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  entry TEXT CHECK (json_valid(entry)),
  plugin TEXT,
  version TEXT,
  CHECK ((entry IS NULL) = (plugin IS NOT NULL AND version IS NOT NULL)),
  UNIQUE (plugin, version)
) STRICT;

-- What is logged: durable before any tile is written, so every tile can be written again.
CREATE TABLE log_entries (
  place INTEGER PRIMARY KEY,
  entry TEXT NOT NULL
) STRICT;

-- Hashes of the tiles: level 0 of the entries, level L of the full tiles of level L - 1.
CREATE TABLE log_hashes (
  level INTEGER NOT NULL,
  place INTEGER NOT NULL,
  hash TEXT NOT NULL CHECK (length(hash) = 64),
  PRIMARY KEY (level, place)
) STRICT, WITHOUT ROWID;

-- Payload of the release statement and its place in the log, fixed together.
ALTER TABLE versions ADD COLUMN statement TEXT;
ALTER TABLE versions ADD COLUMN log_index INTEGER;

-- The document that the catalogue lists of a plugin, and the shard that lists it.
ALTER TABLE plugins ADD COLUMN shard TEXT;
ALTER TABLE plugins ADD COLUMN document_sha256 TEXT;
-- A removed plugin: its name is never given again.
ALTER TABLE plugins ADD COLUMN removed_at INTEGER;
CREATE INDEX plugins_by_shard ON plugins (shard, name, document_sha256) WHERE document_sha256 IS NOT NULL;

-- What the ceremonies signed, by its key in the bucket, base64: in force from here on, and written to the
-- bucket from here.
CREATE TABLE trust_files (
  key TEXT PRIMARY KEY,
  content TEXT NOT NULL,
  stored INTEGER NOT NULL DEFAULT 0 CHECK (stored IN (0, 1))
) STRICT, WITHOUT ROWID;
CREATE INDEX trust_files_to_store ON trust_files (key) WHERE stored = 0;

-- The metadata of each role that is in force.
CREATE TABLE trust_roles (
  role TEXT PRIMARY KEY CHECK (role IN ('root', 'targets', 'catalog', 'timestamp')),
  version INTEGER NOT NULL,
  length INTEGER NOT NULL,
  sha256 TEXT NOT NULL CHECK (length(sha256) = 64),
  expires_at INTEGER NOT NULL,
  -- Ids of online keys by role: the ones that root and targets allow, the ones that signed the others.
  key_ids TEXT NOT NULL CHECK (json_valid(key_ids))
) STRICT, WITHOUT ROWID;
CREATE TRIGGER trust_roles_in_order BEFORE UPDATE ON trust_roles
WHEN NEW.version < OLD.version OR (NEW.version = OLD.version AND NEW.sha256 <> OLD.sha256)
BEGIN
  SELECT RAISE(ABORT, 'trust_moved');
END;

-- The targets of the online role `catalog`, as they were last written.
CREATE TABLE catalog_targets (
  target TEXT PRIMARY KEY,
  length INTEGER NOT NULL,
  sha256 TEXT NOT NULL CHECK (length(sha256) = 64),
  -- Version of the catalog metadata that lists it first.
  catalog_version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What the administrator warns of, or blocks from being installed, without the offline keys.
CREATE TABLE advisories (
  id TEXT PRIMARY KEY,
  entry TEXT NOT NULL CHECK (json_valid(entry)),
  withdrawn_at INTEGER
) STRICT, WITHOUT ROWID;

-- Targets of `catalog` that have to be made again; the count tells a change during the making.
CREATE TABLE catalog_changes (
  target TEXT PRIMARY KEY,
  changes INTEGER NOT NULL DEFAULT 1
) STRICT, WITHOUT ROWID;
INSERT INTO catalog_changes (target) VALUES ('catalog/advisories.json');
CREATE TRIGGER catalog_follows_documents AFTER UPDATE OF shard, document_sha256 ON plugins
WHEN NEW.document_sha256 IS NOT OLD.document_sha256
BEGIN
  INSERT INTO catalog_changes (target) VALUES (NEW.shard)
  ON CONFLICT (target) DO UPDATE SET changes = changes + 1;
END;
CREATE TRIGGER catalog_follows_new_advisories AFTER INSERT ON advisories
BEGIN
  INSERT INTO catalog_changes (target) VALUES ('catalog/advisories.json')
  ON CONFLICT (target) DO UPDATE SET changes = changes + 1;
END;
CREATE TRIGGER catalog_follows_advisories AFTER UPDATE ON advisories
BEGIN
  INSERT INTO catalog_changes (target) VALUES ('catalog/advisories.json')
  ON CONFLICT (target) DO UPDATE SET changes = changes + 1;
END;

-- Keys are revoked from a place in the log on, and publishers vouch for their own keys.
ALTER TABLE publisher_keys ADD COLUMN revoked_from INTEGER;
ALTER TABLE publishers ADD COLUMN recovery_hash TEXT;
CREATE TABLE key_statements (
  publisher TEXT NOT NULL REFERENCES publishers (name),
  place INTEGER NOT NULL,
  digest TEXT NOT NULL UNIQUE CHECK (length(digest) = 64),
  envelope TEXT NOT NULL CHECK (json_valid(envelope)),
  PRIMARY KEY (publisher, place)
) STRICT, WITHOUT ROWID;

-- A scope that is about to change hands; the cron carries it out when the cool-down has passed.
CREATE TABLE scope_transfers (
  scope TEXT PRIMARY KEY REFERENCES scopes (scope),
  to_publisher TEXT NOT NULL REFERENCES publishers (name),
  requested_at INTEGER NOT NULL,
  effective_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Everything that has its place in the order already is logged in that order.
INSERT INTO log_queue (plugin, version)
SELECT plugin, version FROM versions WHERE seq IS NOT NULL ORDER BY seq;
UPDATE plugins SET revision = revision + 1;
-- And whatever gets its place from here on, also by a Worker of an older version that still runs.
CREATE TRIGGER releases_are_queued AFTER INSERT ON versions
WHEN NEW.seq IS NOT NULL AND NEW.log_index IS NULL
BEGIN
  INSERT INTO log_queue (plugin, version) VALUES (NEW.plugin, NEW.version);
END;
CREATE TRIGGER admitted_releases_are_queued AFTER UPDATE OF seq ON versions
WHEN OLD.seq IS NULL AND NEW.seq IS NOT NULL AND NEW.log_index IS NULL
BEGIN
  INSERT INTO log_queue (plugin, version) VALUES (NEW.plugin, NEW.version);
END;
