-- What instances say of plugins: one row for each major version. Those that are hidden or deleted stay,
-- so that neither is undone by writing again, or by sending an old request again.
CREATE TABLE reviews (
  id TEXT PRIMARY KEY,
  plugin TEXT NOT NULL REFERENCES plugins (name),
  instance_id TEXT NOT NULL REFERENCES instances (id),
  major INTEGER NOT NULL,
  version TEXT NOT NULL,
  rating INTEGER NOT NULL CHECK (rating BETWEEN 1 AND 5),
  title TEXT NOT NULL,
  text TEXT NOT NULL,
  language TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  -- The newest signed request of the instance: its time in seconds, and its id.
  proved_at INTEGER NOT NULL,
  rid TEXT NOT NULL,
  deleted_at INTEGER,
  hidden_reason TEXT,
  reply TEXT,
  replied_at INTEGER,
  -- Every order is one number, read downwards: the time, or the stars before it.
  highest INTEGER AS (rating * 10000000000000 + created_at) VIRTUAL,
  lowest INTEGER AS ((6 - rating) * 10000000000000 + created_at) VIRTUAL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX reviews_of_instance ON reviews (plugin, instance_id, major);

CREATE INDEX reviews_new ON reviews (plugin, created_at, id)
  WHERE deleted_at IS NULL AND hidden_reason IS NULL;
CREATE INDEX reviews_highest ON reviews (plugin, highest, id)
  WHERE deleted_at IS NULL AND hidden_reason IS NULL;
CREATE INDEX reviews_lowest ON reviews (plugin, lowest, id)
  WHERE deleted_at IS NULL AND hidden_reason IS NULL;

-- How many reviews give how many stars. Like `plugin_counts` it is written in the transaction of the
-- change, by the triggers below alone.
CREATE TABLE review_counts (
  plugin TEXT NOT NULL REFERENCES plugins (name),
  rating INTEGER NOT NULL CHECK (rating BETWEEN 1 AND 5),
  reviews INTEGER NOT NULL CHECK (reviews >= 0),
  PRIMARY KEY (plugin, rating)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER review_counts_follow AFTER INSERT ON review_counts
BEGIN
  INSERT INTO plugin_counts (plugin, ratings, stars, stale)
  VALUES (NEW.plugin, NEW.reviews, NEW.reviews * NEW.rating, 1)
  ON CONFLICT (plugin) DO UPDATE
    SET ratings = ratings + excluded.ratings, stars = stars + excluded.stars, stale = 1;
END;
CREATE TRIGGER review_counts_follow_on AFTER UPDATE ON review_counts
BEGIN
  UPDATE plugin_counts
  SET ratings = ratings + NEW.reviews - OLD.reviews,
    stars = stars + (NEW.reviews - OLD.reviews) * NEW.rating, stale = 1
  WHERE plugin = NEW.plugin;
END;

CREATE TRIGGER reviews_counted AFTER INSERT ON reviews
WHEN NEW.deleted_at IS NULL AND NEW.hidden_reason IS NULL
BEGIN
  INSERT INTO review_counts (plugin, rating, reviews) VALUES (NEW.plugin, NEW.rating, 1)
  ON CONFLICT (plugin, rating) DO UPDATE SET reviews = reviews + 1;
END;
CREATE TRIGGER reviews_discounted AFTER UPDATE ON reviews
WHEN OLD.deleted_at IS NULL AND OLD.hidden_reason IS NULL
  AND (NEW.deleted_at IS NOT NULL OR NEW.hidden_reason IS NOT NULL OR NEW.rating <> OLD.rating)
BEGIN
  UPDATE review_counts SET reviews = reviews - 1
  WHERE plugin = OLD.plugin AND rating = OLD.rating;
END;
CREATE TRIGGER reviews_counted_again AFTER UPDATE ON reviews
WHEN NEW.deleted_at IS NULL AND NEW.hidden_reason IS NULL
  AND (OLD.deleted_at IS NOT NULL OR OLD.hidden_reason IS NOT NULL OR NEW.rating <> OLD.rating)
BEGIN
  INSERT INTO review_counts (plugin, rating, reviews) VALUES (NEW.plugin, NEW.rating, 1)
  ON CONFLICT (plugin, rating) DO UPDATE SET reviews = reviews + 1;
END;

-- What somebody says is wrong with a plugin, and what became of it.
CREATE TABLE reports (
  -- Follows from what was sent: the same again is the same report.
  id TEXT PRIMARY KEY,
  plugin TEXT NOT NULL REFERENCES plugins (name),
  version TEXT,
  review_id TEXT REFERENCES reviews (id),
  reason TEXT NOT NULL,
  text TEXT NOT NULL,
  -- Only until the report is resolved.
  contact TEXT,
  created_at INTEGER NOT NULL,
  resolved_at INTEGER,
  action TEXT,
  note TEXT,
  CHECK ((resolved_at IS NULL) = (action IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX reports_open ON reports (created_at, id) WHERE resolved_at IS NULL;
CREATE INDEX reports_resolved ON reports (resolved_at, id) WHERE resolved_at IS NOT NULL;
CREATE INDEX reports_of_plugin ON reports (plugin, resolved_at, id) WHERE resolved_at IS NOT NULL;

-- Reports that a network made on a day.
ALTER TABLE network_days ADD COLUMN reports INTEGER NOT NULL DEFAULT 0;

-- The licenses of a plugin that an instance holds.
CREATE INDEX activations_of_instance ON activations (instance_id, plugin);
