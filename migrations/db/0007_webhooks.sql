CREATE TABLE webhooks (
  id TEXT PRIMARY KEY,
  publisher TEXT NOT NULL REFERENCES publishers (name),
  -- The one scope that it is told about; NULL is every scope of the publisher.
  scope TEXT REFERENCES scopes (scope),
  url TEXT NOT NULL,
  -- Types that it wants; an empty list is all.
  events TEXT NOT NULL CHECK (json_valid(events)),
  -- The secret is derived from this, and nowhere stored. The one before signs too for a while.
  secret_version INTEGER NOT NULL,
  rotated_at INTEGER,
  -- The newest event that the receiver has acknowledged or does not want.
  delivered INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  failing_since INTEGER,
  -- NULL while nothing waits; the next event sets it.
  next_attempt_at INTEGER,
  -- One delivery at a time: whoever moves it from the past on has the webhook until then.
  claimed_until INTEGER NOT NULL DEFAULT 0,
  last_problem TEXT,
  disabled_at INTEGER,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX webhooks_publisher ON webhooks (publisher);
CREATE INDEX webhooks_due ON webhooks (next_attempt_at)
  WHERE disabled_at IS NULL AND next_attempt_at IS NOT NULL;

-- What became of a publisher's licenses, in the order in which it happened. Triggers write it in the
-- transaction of the change, so neither can be there without the other.
CREATE TABLE license_events (
  publisher TEXT NOT NULL,
  -- 1, 2, 3 … of this publisher: how many events others have cannot be told from it.
  number INTEGER NOT NULL,
  -- Part of the event's id: a database that was set back gives the number once more.
  nonce TEXT NOT NULL,
  scope TEXT NOT NULL,
  audit_id INTEGER NOT NULL,
  PRIMARY KEY (publisher, number)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER audit_license_event AFTER INSERT ON audit
WHEN NEW.action >= 'license.' AND NEW.action < 'license/'
BEGIN
  INSERT INTO license_events (publisher, number, nonce, scope, audit_id)
  SELECT s.publisher,
    1 + coalesce((SELECT max(number) FROM license_events WHERE publisher = s.publisher), 0),
    lower(hex(randomblob(8))), s.scope, NEW.id
  FROM licenses l
  JOIN plugins p ON p.name = l.plugin
  JOIN scopes s ON s.scope = p.scope
  WHERE l.id = NEW.subject;
END;

-- A batch may hold the audit row of a new license before the license.
CREATE TRIGGER licenses_event AFTER INSERT ON licenses
BEGIN
  INSERT INTO license_events (publisher, number, nonce, scope, audit_id)
  SELECT s.publisher,
    row_number() OVER (ORDER BY a.id)
      + coalesce((SELECT max(number) FROM license_events WHERE publisher = s.publisher), 0),
    lower(hex(randomblob(8))), s.scope, a.id
  FROM audit a
  JOIN plugins p ON p.name = NEW.plugin
  JOIN scopes s ON s.scope = p.scope
  WHERE a.subject = NEW.id AND a.action >= 'license.' AND a.action < 'license/';
END;

CREATE TRIGGER license_events_wake AFTER INSERT ON license_events
BEGIN
  UPDATE webhooks SET next_attempt_at = 0
  WHERE publisher = NEW.publisher AND next_attempt_at IS NULL;
END;
