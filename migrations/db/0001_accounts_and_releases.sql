CREATE TABLE publishers (
  name TEXT PRIMARY KEY,
  display_name TEXT NOT NULL,
  verified INTEGER NOT NULL DEFAULT 0 CHECK (verified IN (0, 1)),
  -- First approved release; NULL sends every release of a new publisher to review.
  approved_at INTEGER,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The primary key is the fingerprint alone: one key can never belong to two publishers.
CREATE TABLE publisher_keys (
  key_id TEXT PRIMARY KEY CHECK (length(key_id) = 64),
  publisher TEXT NOT NULL REFERENCES publishers (name),
  public_key TEXT NOT NULL CHECK (length(public_key) = 43),
  recovery_hash TEXT,
  created_at INTEGER NOT NULL,
  revoked_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX publisher_keys_by_publisher ON publisher_keys (publisher);

CREATE TABLE scopes (
  scope TEXT PRIMARY KEY CHECK (scope LIKE '@%'),
  publisher TEXT NOT NULL REFERENCES publishers (name),
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX scopes_by_publisher ON scopes (publisher);

-- Only the SHA-256 of a token is kept.
CREATE TABLE tokens (
  id TEXT PRIMARY KEY,
  hash TEXT NOT NULL UNIQUE CHECK (length(hash) = 64),
  publisher TEXT NOT NULL REFERENCES publishers (name),
  scope TEXT REFERENCES scopes (scope),
  permissions TEXT NOT NULL CHECK (json_valid(permissions)),
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  revoked_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX tokens_by_publisher ON tokens (publisher);

-- revision counts every change to what the plugin shows. The public document and the search row
-- carry the revision they were made from; while either is behind, the plugin is unfinished work.
CREATE TABLE plugins (
  name TEXT PRIMARY KEY,
  scope TEXT NOT NULL REFERENCES scopes (scope),
  latest TEXT,
  channels TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(channels)),
  revision INTEGER NOT NULL DEFAULT 0,
  document_revision INTEGER NOT NULL DEFAULT 0,
  search_revision INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX plugins_by_scope ON plugins (scope);
CREATE INDEX plugins_unfinished ON plugins (name)
  WHERE document_revision < revision OR search_revision < revision;

CREATE TABLE versions (
  plugin TEXT NOT NULL REFERENCES plugins (name),
  version TEXT NOT NULL,
  sort_key TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('in_review', 'rejected', 'publishing', 'released', 'published')),
  status_reason TEXT,
  -- Place in the order of all releases; fixed when the release is admitted, before it is signed.
  seq INTEGER UNIQUE,
  sha256 TEXT NOT NULL CHECK (length(sha256) = 64),
  size INTEGER NOT NULL,
  tree_digest TEXT NOT NULL,
  publisher_key_id TEXT NOT NULL REFERENCES publisher_keys (key_id),
  manifest TEXT NOT NULL CHECK (json_valid(manifest)),
  paid INTEGER NOT NULL CHECK (paid IN (0, 1)),
  yanked_reason TEXT,
  deprecated_reason TEXT,
  created_at INTEGER NOT NULL,
  published_at INTEGER,
  PRIMARY KEY (plugin, version),
  CHECK ((seq IS NULL) = (published_at IS NULL)),
  CHECK (seq IS NOT NULL OR status IN ('in_review', 'rejected'))
) STRICT, WITHOUT ROWID;
CREATE INDEX versions_by_order ON versions (plugin, sort_key);
CREATE INDEX versions_unfinished ON versions (created_at) WHERE status IN ('publishing', 'released');
CREATE INDEX versions_in_review ON versions (created_at) WHERE status = 'in_review';

-- A channel moved by its owner. It holds until a newer release (a greater seq) takes the channel.
CREATE TABLE channels (
  plugin TEXT NOT NULL REFERENCES plugins (name),
  channel TEXT NOT NULL,
  version TEXT NOT NULL,
  at_seq INTEGER NOT NULL,
  PRIMARY KEY (plugin, channel),
  FOREIGN KEY (plugin, version) REFERENCES versions (plugin, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
  id INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  subject TEXT NOT NULL,
  detail TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(detail)),
  request_id TEXT NOT NULL
) STRICT;
CREATE INDEX audit_by_subject ON audit (subject, id);
