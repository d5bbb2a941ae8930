-- Counts the changes to a publisher's keys: a decision is stored only over the keys it was made from.
ALTER TABLE publishers ADD COLUMN keys_revision INTEGER NOT NULL DEFAULT 0;
-- The commitment that came with the first key is the publisher's.
UPDATE publishers SET recovery_hash = (
  SELECT recovery_hash FROM publisher_keys WHERE publisher = publishers.name
  ORDER BY created_at, key_id LIMIT 1
);

-- A key that was revoked, or of who had the scope before, releases nothing: whoever asks, and whatever
-- they read before.
CREATE TRIGGER versions_need_a_key BEFORE INSERT ON versions
WHEN NEW.log_index IS NULL AND EXISTS (
  SELECT 1 FROM publisher_keys
  JOIN plugins ON plugins.name = NEW.plugin JOIN scopes ON scopes.scope = plugins.scope
  WHERE key_id = NEW.publisher_key_id AND (revoked_at IS NOT NULL OR publisher_keys.publisher <> scopes.publisher)
) AND NOT EXISTS (SELECT 1 FROM versions WHERE plugin = NEW.plugin AND version = NEW.version)
BEGIN
  SELECT RAISE(ABORT, 'key_revoked');
END;
CREATE TRIGGER versions_are_admitted_with_a_key BEFORE UPDATE OF seq ON versions
WHEN OLD.seq IS NULL AND NEW.seq IS NOT NULL AND EXISTS (
  SELECT 1 FROM publisher_keys
  JOIN plugins ON plugins.name = NEW.plugin JOIN scopes ON scopes.scope = plugins.scope
  WHERE key_id = NEW.publisher_key_id AND (revoked_at IS NOT NULL OR publisher_keys.publisher <> scopes.publisher)
)
BEGIN
  SELECT RAISE(ABORT, 'key_revoked');
END;

-- The same for a plugin that was removed.
CREATE TRIGGER versions_need_a_plugin BEFORE INSERT ON versions
WHEN NEW.log_index IS NULL
  AND EXISTS (SELECT 1 FROM plugins WHERE name = NEW.plugin AND removed_at IS NOT NULL)
  AND NOT EXISTS (SELECT 1 FROM versions WHERE plugin = NEW.plugin AND version = NEW.version)
BEGIN
  SELECT RAISE(ABORT, 'plugin_removed');
END;
CREATE TRIGGER versions_are_admitted_with_a_plugin BEFORE UPDATE OF seq ON versions
WHEN OLD.seq IS NULL AND NEW.seq IS NOT NULL
  AND EXISTS (SELECT 1 FROM plugins WHERE name = NEW.plugin AND removed_at IS NOT NULL)
BEGIN
  SELECT RAISE(ABORT, 'plugin_removed');
END;

-- Names as they look (packages/protocol/src/similar-names.ts); the cron fills in those from before.
ALTER TABLE scopes ADD COLUMN fold TEXT;
ALTER TABLE plugins ADD COLUMN fold TEXT;
ALTER TABLE plugins ADD COLUMN short TEXT AS (substr(name, instr(name, '/') + 1)) VIRTUAL;
CREATE INDEX scopes_by_fold ON scopes (fold);
CREATE INDEX plugins_by_fold ON plugins (fold, short);

CREATE INDEX scope_transfers_due ON scope_transfers (effective_at);
