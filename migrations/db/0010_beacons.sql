-- What an instance reported last. Days are numbered from 1970-01-01 (UTC).
CREATE TABLE beacons (
  instance_id TEXT PRIMARY KEY REFERENCES instances (id),
  first_day INTEGER NOT NULL,
  day INTEGER NOT NULL CHECK (day >= first_day),
  -- {name: version}, names sorted.
  plugins TEXT NOT NULL CHECK (json_valid(plugins)),
  -- `installations` says what `plugins` says. A list that is reported again is not counted again.
  counted INTEGER NOT NULL CHECK (counted IN (0, 1)),
  -- The day on which it is looked at next: to be counted, or because it may have fallen silent.
  due INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX beacons_due ON beacons (due);

-- What was counted: every plugin that an instance has or ever had. `plugin_counts` adds this up.
CREATE TABLE installations (
  instance_id TEXT NOT NULL REFERENCES instances (id),
  plugin TEXT NOT NULL REFERENCES plugins (name),
  -- The newest that was reported.
  version TEXT NOT NULL,
  first_day INTEGER NOT NULL,
  -- 0: it is gone, or the instance is silent.
  installed INTEGER NOT NULL CHECK (installed IN (0, 1)),
  PRIMARY KEY (instance_id, plugin)
) STRICT, WITHOUT ROWID;

-- Logarithm of the new installations, weighed by their days: what `trending` is made from.
ALTER TABLE plugin_counts ADD COLUMN momentum REAL NOT NULL DEFAULT 0;

-- One counts at a time: a batch that began from an older row is refused.
CREATE TABLE counting (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  revision INTEGER NOT NULL
) STRICT;
INSERT INTO counting (id, revision) VALUES (1, 0);
CREATE TRIGGER counting_in_order BEFORE UPDATE ON counting WHEN NEW.revision <> OLD.revision + 1
BEGIN
  SELECT RAISE(ABORT, 'counting_moved');
END;

-- New instances of a network on a day; the network only as an HMAC that changes daily.
CREATE TABLE network_days (
  day INTEGER NOT NULL,
  network TEXT NOT NULL,
  registered INTEGER NOT NULL DEFAULT 0,
  reporting INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (day, network)
) STRICT, WITHOUT ROWID;
