-- What the public is told, in the order in which it was stored: entries of the log, and advisories,
-- which are not logged. Triggers write it in the transaction of the change, so none is missing, and
-- because a D1 database has one writer nobody who sees a number fails to see a smaller one later.
CREATE TABLE changes (
  id INTEGER PRIMARY KEY,
  -- Tells the row from another one that gets its number after the database was set back.
  mark TEXT NOT NULL DEFAULT (lower(hex(randomblob(6)))),
  at INTEGER NOT NULL,
  place INTEGER,                          -- of the entry in the log
  advisory TEXT CHECK (json_valid(advisory)),  -- {id, entry}; without `entry` it was withdrawn
  -- Of a release alone.
  plugin TEXT,
  version TEXT,
  scope TEXT,
  CHECK ((place IS NULL) <> (advisory IS NULL))
) STRICT;
CREATE INDEX changes_by_plugin ON changes (plugin, id) WHERE plugin IS NOT NULL;
CREATE INDEX changes_by_scope ON changes (scope, id) WHERE scope IS NOT NULL;

INSERT INTO changes (at, place, plugin, version, scope)
SELECT coalesce(unixepoch(entry ->> 'at') * 1000, versions.published_at, 0), place, versions.plugin,
  versions.version, substr(versions.plugin, 1, instr(versions.plugin, '/') - 1)
FROM log_entries
LEFT JOIN versions ON entry ->> 'type' = 'release'
  AND versions.plugin = entry ->> 'plugin' AND versions.version = entry ->> 'version'
ORDER BY place;
INSERT INTO changes (at, advisory)
SELECT coalesce(unixepoch(entry ->> 'issuedAt') * 1000, 0), json_object('id', id, 'entry', json(entry))
FROM advisories WHERE withdrawn_at IS NULL;

-- What a recovery finds that is no entry at all has to be stored nevertheless.
CREATE TRIGGER changes_follow_releases AFTER INSERT ON log_entries
WHEN iif(json_valid(NEW.entry), NEW.entry ->> 'type' = 'release', 0)
BEGIN
  INSERT INTO changes (at, place, plugin, version, scope)
  VALUES (CAST(unixepoch('subsec') * 1000 AS INTEGER), NEW.place, NEW.entry ->> 'plugin',
    NEW.entry ->> 'version',
    substr(NEW.entry ->> 'plugin', 1, instr(NEW.entry ->> 'plugin', '/') - 1));
END;
CREATE TRIGGER changes_follow_log AFTER INSERT ON log_entries
WHEN iif(json_valid(NEW.entry), NEW.entry ->> 'type' <> 'release', 0)
BEGIN
  INSERT INTO changes (at, place)
  VALUES (CAST(unixepoch('subsec') * 1000 AS INTEGER), NEW.place);
END;
CREATE TRIGGER changes_follow_new_advisories AFTER INSERT ON advisories
WHEN NEW.withdrawn_at IS NULL
BEGIN
  INSERT INTO changes (at, advisory)
  VALUES (CAST(unixepoch('subsec') * 1000 AS INTEGER),
    json_object('id', NEW.id, 'entry', json(NEW.entry)));
END;
CREATE TRIGGER changes_follow_advisories AFTER UPDATE ON advisories
WHEN NEW.entry <> OLD.entry OR (NEW.withdrawn_at IS NULL) <> (OLD.withdrawn_at IS NULL)
BEGIN
  INSERT INTO changes (at, advisory)
  VALUES (CAST(unixepoch('subsec') * 1000 AS INTEGER),
    CASE WHEN NEW.withdrawn_at IS NULL THEN json_object('id', NEW.id, 'entry', json(NEW.entry))
      ELSE json_object('id', NEW.id) END);
END;
