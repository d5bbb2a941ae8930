-- Who needs a plugin: public plugins, each by the release that it shows.
CREATE TABLE dependents (
  plugin TEXT NOT NULL,  -- what is needed; it need not be here
  dependent TEXT NOT NULL REFERENCES plugins (name),
  range TEXT NOT NULL,
  -- Minus the downloads of the dependent, followed when one of their first two digits changes. Negative,
  -- so that both columns of the order ascend and a page starts at a pair.
  less_popular INTEGER NOT NULL DEFAULT 0 CHECK (less_popular <= 0),
  PRIMARY KEY (plugin, dependent)
) STRICT, WITHOUT ROWID;
CREATE INDEX dependents_by_popularity ON dependents (plugin, less_popular, dependent);
CREATE INDEX dependents_by_dependent ON dependents (dependent);

-- Their number, and the ten most popular ones: what the plugin's page shows, in one row.
CREATE TABLE dependent_counts (
  plugin TEXT PRIMARY KEY,
  total INTEGER NOT NULL,
  top TEXT NOT NULL CHECK (json_valid(top))
) STRICT, WITHOUT ROWID;

CREATE VIEW dependents_top AS
SELECT c.plugin, (
  SELECT json_group_array(json_object('name', t.dependent, 'range', t.range))
  FROM (
    SELECT d.dependent, d.range FROM dependents d WHERE d.plugin = c.plugin
    ORDER BY d.less_popular, d.dependent LIMIT 10
  ) t
) AS top
FROM dependent_counts c;

CREATE TRIGGER dependents_added AFTER INSERT ON dependents
BEGIN
  INSERT INTO dependent_counts (plugin, total, top) VALUES (NEW.plugin, 1, '[]')
  ON CONFLICT (plugin) DO UPDATE SET total = total + 1;
  UPDATE dependent_counts SET top = (SELECT t.top FROM dependents_top t WHERE t.plugin = NEW.plugin)
  WHERE plugin = NEW.plugin;
END;
CREATE TRIGGER dependents_changed AFTER UPDATE OF range, less_popular ON dependents
BEGIN
  UPDATE dependent_counts SET top = (SELECT t.top FROM dependents_top t WHERE t.plugin = NEW.plugin)
  WHERE plugin = NEW.plugin;
END;
CREATE TRIGGER dependents_removed AFTER DELETE ON dependents
BEGIN
  UPDATE dependent_counts
  SET total = total - 1, top = (SELECT t.top FROM dependents_top t WHERE t.plugin = OLD.plugin)
  WHERE plugin = OLD.plugin;
END;

CREATE TRIGGER dependents_counted AFTER INSERT ON plugin_counts
BEGIN
  UPDATE dependents SET less_popular = -NEW.downloads WHERE dependent = NEW.plugin;
END;
CREATE TRIGGER dependents_recounted AFTER UPDATE OF downloads ON plugin_counts
WHEN length(NEW.downloads) <> length(OLD.downloads)
  OR substr(NEW.downloads, 1, 2) <> substr(OLD.downloads, 1, 2)
BEGIN
  UPDATE dependents SET less_popular = -NEW.downloads WHERE dependent = NEW.plugin;
END;

INSERT INTO dependents (plugin, dependent, range, less_popular)
SELECT needed.key, p.name, needed.value, -coalesce(c.downloads, 0)
FROM plugins p
JOIN versions v ON v.plugin = p.name AND v.version = p.latest
JOIN json_each(v.manifest, '$.dependencies') AS needed
LEFT JOIN plugin_counts c ON c.plugin = p.name
WHERE p.removed_at IS NULL AND v.status = 'published' AND v.yanked_reason IS NULL
  AND coalesce(v.manifest ->> 'visibility', 'public') = 'public';
