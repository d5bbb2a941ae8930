-- What is counted of a plugin. Search keeps a copy of the numbers; `stale` is a copy that is behind.
CREATE TABLE plugin_counts (
  plugin TEXT PRIMARY KEY REFERENCES plugins (name),
  installs INTEGER NOT NULL DEFAULT 0,   -- instances that have it now
  downloads INTEGER NOT NULL DEFAULT 0,  -- instances that ever had it: each counts once
  trending REAL NOT NULL DEFAULT 0,
  ratings INTEGER NOT NULL DEFAULT 0,    -- reviews that count
  stars INTEGER NOT NULL DEFAULT 0,      -- their sum
  stale INTEGER NOT NULL DEFAULT 0 CHECK (stale IN (0, 1))
) STRICT, WITHOUT ROWID;
CREATE INDEX plugin_counts_stale ON plugin_counts (plugin) WHERE stale = 1;
