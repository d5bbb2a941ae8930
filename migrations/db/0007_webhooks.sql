CREATE TABLE webhooks (
  id TEXT PRIMARY KEY,
  publisher TEXT NOT NULL REFERENCES publishers (name),
  url TEXT NOT NULL,
  -- Types that it wants; an empty list is all.
  events TEXT NOT NULL CHECK (json_valid(events)),
  -- The secret is derived from this, and nowhere stored.
  secret_version INTEGER NOT NULL,
  -- The newest event (a row of audit) that the receiver has acknowledged.
  delivered INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  failing_since INTEGER,
  next_attempt_at INTEGER NOT NULL,
  claimed_until INTEGER NOT NULL DEFAULT 0,
  last_problem TEXT,
  disabled_at INTEGER,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX webhooks_publisher ON webhooks (publisher);
CREATE INDEX webhooks_due ON webhooks (next_attempt_at) WHERE disabled_at IS NULL;
