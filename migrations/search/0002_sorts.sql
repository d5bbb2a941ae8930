-- Sorts that stand still while somebody pages through them. A plugin has a place in each sort; when it
-- moves, its new place counts from the next epoch on and its old one up to then, so that a cursor of
-- an epoch shows everything once. The epoch turns by one UPDATE (workers/search/epoch.ts); work is in
-- proportion to what moved. Words and filter tokens of every place change at once.

-- Counts as DB has them (`plugin_counts`), and where the plugin shall stand.
ALTER TABLE docs ADD COLUMN installs INTEGER NOT NULL DEFAULT 0;
ALTER TABLE docs ADD COLUMN trending INTEGER NOT NULL DEFAULT 0;   -- thousandths
ALTER TABLE docs ADD COLUMN score INTEGER NOT NULL DEFAULT 3500000; -- what `rating` sorts by: millionths of a star
ALTER TABLE docs ADD COLUMN name_key TEXT NOT NULL DEFAULT '';     -- what `name` sorts by; unique
ALTER TABLE docs ADD COLUMN label INTEGER;                         -- its order as a number, with gaps; null: none was free
ALTER TABLE docs ADD COLUMN waits INTEGER NOT NULL DEFAULT 0;      -- 1: a place is not yet where it shall be
ALTER TABLE docs ADD COLUMN generation INTEGER NOT NULL DEFAULT 0; -- rebuild that wrote it last
CREATE INDEX docs_waiting ON docs (id) WHERE waits = 1;
CREATE INDEX docs_by_name ON docs (name_key) WHERE label IS NOT NULL;
CREATE INDEX docs_unlabelled ON docs (name_key) WHERE label IS NULL;
CREATE INDEX docs_by_generation ON docs (generation);

CREATE TABLE search_state (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  epoch INTEGER NOT NULL,                   -- begins with the time, so that no cursor of another database fits
  turned_at INTEGER NOT NULL DEFAULT 0,     -- milliseconds since 1970
  pending INTEGER NOT NULL DEFAULT 0,       -- 1: some place is born with the next epoch
  built INTEGER NOT NULL,                   -- 0: it may lack what DB has
  generation INTEGER NOT NULL DEFAULT 0,    -- newest complete rebuild
  rebuilding INTEGER,                       -- the one under way
  rebuilt_to TEXT NOT NULL DEFAULT '',      -- how far it is (workers/search/rebuild.ts)
  index_version INTEGER NOT NULL DEFAULT 0  -- of the code that made the newest complete one
);
INSERT INTO search_state (id, epoch, built)
  VALUES (1, unixepoch(), EXISTS (SELECT 1 FROM docs));

CREATE TABLE places (
  id INTEGER NOT NULL,                      -- docs.id
  sort TEXT NOT NULL,
  slot INTEGER NOT NULL CHECK (slot BETWEEN 0 AND 3), -- keeps places of one plugin with one key apart
  key INTEGER NOT NULL CHECK (key BETWEEN 0 AND 2147483647),
  born INTEGER NOT NULL DEFAULT 0,          -- the first epoch in which it counts; 0: in all
  dies INTEGER,                             -- the first in which it does not; null: it counts in all
  position INTEGER AS (((key << 2) | slot) << 20 | id) VIRTUAL, -- rowid in the sort's index: 53 bits
  -- A token for each epoch that is read while the place exists and in which it does not count.
  outs TEXT AS (
    iif(born = 0, '', ' _out_' || (born - 1) || ' _out_' || (born - 2)) ||
    iif(dies IS NULL, '', ' _out_' || dies || ' _out_' || (dies + 1))
  ) VIRTUAL,
  PRIMARY KEY (id, sort, slot)
) WITHOUT ROWID;
CREATE INDEX places_dying ON places (dies) WHERE dies IS NOT NULL;

CREATE TABLE sorts (sort TEXT PRIMARY KEY) WITHOUT ROWID;
INSERT INTO sorts (sort)
  VALUES ('popular'), ('trending'), ('new'), ('updated'), ('rating'), ('name');

-- Where each plugin shall stand: the higher, the earlier it is shown. Times are seconds since 2020.
CREATE VIEW targets (id, sort, key) AS SELECT d.id, s.sort, CASE s.sort
  WHEN 'popular' THEN min(downloads, 2147483647)
  WHEN 'trending' THEN min(trending, 2147483647)
  WHEN 'new' THEN max(0, created_at / 1000 - 1577836800)
  WHEN 'updated' THEN max(0, updated_at / 1000 - 1577836800)
  WHEN 'rating' THEN min(score, 2147483647)
  ELSE 2147483647 - label END
  FROM docs d CROSS JOIN sorts s WHERE s.sort <> 'name' OR label IS NOT NULL;

-- The plugins before and after in the order of names, of those that have a label.
CREATE VIEW neighbours (id, low, high) AS SELECT id,
  (SELECT id FROM docs WHERE name_key < d.name_key AND label IS NOT NULL
   ORDER BY name_key DESC LIMIT 1),
  (SELECT id FROM docs WHERE name_key > d.name_key AND label IS NOT NULL
   ORDER BY name_key LIMIT 1)
  FROM docs d;

-- A label between them, or null. At either end there is room for more in order.
CREATE VIEW free_labels (id, label) AS SELECT n.id, CASE
  WHEN low IS NULL AND high IS NULL THEN 1073741824
  WHEN low IS NULL THEN nullif(b.label - min(1048576, (b.label + 1) / 2), b.label)
  WHEN high IS NULL THEN nullif(a.label + min(1048576, (2147483648 - a.label) / 2), a.label)
  ELSE nullif((a.label + b.label) / 2, a.label) END
  FROM neighbours n LEFT JOIN docs a ON a.id = low LEFT JOIN docs b ON b.id = high;

-- Plugins that stand in `name`, in this epoch already, where they shall.
CREATE VIEW settled (id) AS SELECT p.id
  FROM places p JOIN docs d USING (id)
  WHERE p.sort = 'name' AND p.dies IS NULL AND p.key = 2147483647 - d.label
    AND p.born <= (SELECT epoch FROM search_state);

DROP TRIGGER docs_insert;
DROP TRIGGER docs_delete;
DROP TRIGGER docs_update;

CREATE TRIGGER words_insert AFTER INSERT ON docs BEGIN
  INSERT INTO words(rowid, name, title, summary, keywords, tags)
    VALUES (new.id, new.name_words, new.title_words, new.summary_words, new.keyword_words, new.tags);
  INSERT INTO spellings(rowid, words) VALUES (new.id, new.spelled_words);
END;
CREATE TRIGGER words_delete AFTER DELETE ON docs BEGIN
  DELETE FROM words WHERE rowid = old.id;
  DELETE FROM spellings WHERE rowid = old.id;
END;
CREATE TRIGGER words_update
  AFTER UPDATE OF generation, name_words, title_words, summary_words, keyword_words, tags ON docs
  WHEN (old.generation, old.name_words, old.title_words, old.summary_words, old.keyword_words, old.tags)
    IS NOT (new.generation, new.name_words, new.title_words, new.summary_words, new.keyword_words, new.tags)
BEGIN
  DELETE FROM words WHERE rowid = old.id;
  DELETE FROM spellings WHERE rowid = old.id;
  INSERT INTO words(rowid, name, title, summary, keywords, tags)
    VALUES (new.id, new.name_words, new.title_words, new.summary_words, new.keyword_words, new.tags);
  INSERT INTO spellings(rowid, words) VALUES (new.id, new.spelled_words);
END;

-- One index a sort, as before: rowid = position of a place.
CREATE VIRTUAL TABLE by_trending USING fts5(
  words, content='', contentless_delete=1, prefix='2 3', tokenize="unicode61 remove_diacritics 2 tokenchars '_'"
);
CREATE VIRTUAL TABLE by_rating USING fts5(
  words, content='', contentless_delete=1, prefix='2 3', tokenize="unicode61 remove_diacritics 2 tokenchars '_'"
);
CREATE VIRTUAL TABLE by_name USING fts5(
  words, content='', contentless_delete=1, prefix='2 3', tokenize="unicode61 remove_diacritics 2 tokenchars '_'"
);
INSERT INTO by_downloads(by_downloads) VALUES ('delete-all');
INSERT INTO by_created(by_created) VALUES ('delete-all');
INSERT INTO by_updated(by_updated) VALUES ('delete-all');

CREATE TRIGGER places_insert AFTER INSERT ON places BEGIN
  INSERT INTO by_downloads(rowid, words)
    SELECT new.position, all_words || new.outs FROM docs WHERE id = new.id AND new.sort = 'popular';
  INSERT INTO by_trending(rowid, words)
    SELECT new.position, all_words || new.outs FROM docs WHERE id = new.id AND new.sort = 'trending';
  INSERT INTO by_created(rowid, words)
    SELECT new.position, all_words || new.outs FROM docs WHERE id = new.id AND new.sort = 'new';
  INSERT INTO by_updated(rowid, words)
    SELECT new.position, all_words || new.outs FROM docs WHERE id = new.id AND new.sort = 'updated';
  INSERT INTO by_rating(rowid, words)
    SELECT new.position, all_words || new.outs FROM docs WHERE id = new.id AND new.sort = 'rating';
  INSERT INTO by_name(rowid, words)
    SELECT new.position, all_words || new.outs FROM docs WHERE id = new.id AND new.sort = 'name';
END;
CREATE TRIGGER places_delete AFTER DELETE ON places BEGIN
  DELETE FROM by_downloads WHERE rowid = old.position AND old.sort = 'popular';
  DELETE FROM by_trending WHERE rowid = old.position AND old.sort = 'trending';
  DELETE FROM by_created WHERE rowid = old.position AND old.sort = 'new';
  DELETE FROM by_updated WHERE rowid = old.position AND old.sort = 'updated';
  DELETE FROM by_rating WHERE rowid = old.position AND old.sort = 'rating';
  DELETE FROM by_name WHERE rowid = old.position AND old.sort = 'name';
END;
CREATE TRIGGER places_update AFTER UPDATE ON places BEGIN
  DELETE FROM by_downloads WHERE rowid = old.position AND old.sort = 'popular';
  INSERT INTO by_downloads(rowid, words)
    SELECT new.position, all_words || new.outs FROM docs WHERE id = new.id AND new.sort = 'popular';
  DELETE FROM by_trending WHERE rowid = old.position AND old.sort = 'trending';
  INSERT INTO by_trending(rowid, words)
    SELECT new.position, all_words || new.outs FROM docs WHERE id = new.id AND new.sort = 'trending';
  DELETE FROM by_created WHERE rowid = old.position AND old.sort = 'new';
  INSERT INTO by_created(rowid, words)
    SELECT new.position, all_words || new.outs FROM docs WHERE id = new.id AND new.sort = 'new';
  DELETE FROM by_updated WHERE rowid = old.position AND old.sort = 'updated';
  INSERT INTO by_updated(rowid, words)
    SELECT new.position, all_words || new.outs FROM docs WHERE id = new.id AND new.sort = 'updated';
  DELETE FROM by_rating WHERE rowid = old.position AND old.sort = 'rating';
  INSERT INTO by_rating(rowid, words)
    SELECT new.position, all_words || new.outs FROM docs WHERE id = new.id AND new.sort = 'rating';
  DELETE FROM by_name WHERE rowid = old.position AND old.sort = 'name';
  INSERT INTO by_name(rowid, words)
    SELECT new.position, all_words || new.outs FROM docs WHERE id = new.id AND new.sort = 'name';
END;

-- A new plugin stands everywhere at once, since it takes nobody's place away; in `name`, if a label
-- between two that stand still is free.
CREATE TRIGGER sorts_insert AFTER INSERT ON docs BEGIN
  UPDATE docs SET label = (SELECT label FROM free_labels WHERE id = new.id) WHERE id = new.id;
  INSERT INTO places (id, sort, slot, key) SELECT id, sort, 0, key FROM targets WHERE id = new.id
    AND (sort <> 'name' OR EXISTS (SELECT 1 FROM neighbours n WHERE n.id = new.id
      AND (low IS NULL OR EXISTS (SELECT 1 FROM settled WHERE id = low))
      AND (high IS NULL OR EXISTS (SELECT 1 FROM settled WHERE id = high))));
  UPDATE docs SET waits = 1 WHERE id = new.id
    AND NOT EXISTS (SELECT 1 FROM places WHERE id = new.id AND sort = 'name');
END;
CREATE TRIGGER sorts_delete AFTER DELETE ON docs BEGIN
  DELETE FROM places WHERE id = old.id;
END;
-- A rebuild writes every row of an index again, and puts right which places there are.
CREATE TRIGGER sorts_update
  AFTER UPDATE OF generation, name_words, title_words, summary_words, keyword_words, tags ON docs
  WHEN (old.generation, old.all_words) IS NOT (new.generation, new.all_words)
BEGIN
  UPDATE places SET dies = dies WHERE id = new.id;
  UPDATE docs SET waits = 1 WHERE id = new.id AND waits = 0 AND old.generation <> new.generation
    AND ((SELECT count(*) FROM places WHERE id = new.id AND dies IS NULL)
      <> (SELECT count(*) FROM sorts)
    OR EXISTS (SELECT 1 FROM targets t JOIN places p USING (id, sort)
      WHERE t.id = new.id AND p.dies IS NULL AND p.key <> t.key));
END;
CREATE TRIGGER sorts_rename AFTER UPDATE OF name_key ON docs WHEN old.name_key <> new.name_key BEGIN
  UPDATE docs SET waits = 1, label = (SELECT label FROM free_labels WHERE id = new.id)
    WHERE id = new.id;
END;
CREATE TRIGGER sorts_move
  AFTER UPDATE OF downloads, trending, created_at, updated_at, score, label ON docs
  WHEN new.waits = 0 AND (old.downloads, old.trending, old.created_at, old.updated_at, old.score, old.label)
    IS NOT (new.downloads, new.trending, new.created_at, new.updated_at, new.score, new.label)
BEGIN
  UPDATE docs SET waits = 1 WHERE id = new.id AND EXISTS (SELECT 1 FROM places WHERE id = new.id);
END;

-- What is there already; the rebuild that follows folds the names exactly.
UPDATE docs SET name_key = title_words || char(9) || name, label = named.label
  FROM (SELECT id, row_number() OVER (ORDER BY title_words || char(9) || name)
          * (2147483648 / (count(*) OVER () + 1)) AS label FROM docs) named
  WHERE named.id = docs.id;
UPDATE docs SET label = named.label
  FROM (SELECT id, row_number() OVER (ORDER BY name_key)
          * (2147483648 / (count(*) OVER () + 1)) AS label FROM docs) named
  WHERE named.id = docs.id;
UPDATE docs SET waits = 0;
INSERT INTO places (id, sort, slot, key) SELECT id, sort, 0, key FROM targets;
