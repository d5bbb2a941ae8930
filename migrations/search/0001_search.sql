-- The search database. Everything in it is derived from DB and can be rebuilt: one row of `docs` a
-- listed plugin, and full-text indexes that triggers keep equal to it, so that writing a plugin is
-- one statement and no index can be forgotten. A page of results reads this database only.

-- 20 bits of id are what the indexes below leave room for beside a sort value in a 53-bit integer.
CREATE TABLE docs (
  id INTEGER PRIMARY KEY CHECK (id BETWEEN 1 AND 1048575),
  name TEXT NOT NULL UNIQUE,
  card TEXT NOT NULL,            -- JSON (workers/search/card.ts): what a page shows of the plugin
  name_words TEXT NOT NULL,      -- folded words (workers/search/fold-text.ts), as are the next three
  title_words TEXT NOT NULL,
  summary_words TEXT NOT NULL,
  keyword_words TEXT NOT NULL,
  tags TEXT NOT NULL,            -- filter tokens (workers/search/tags.ts), each beginning with "_"
  facets TEXT NOT NULL,          -- JSON array of "kind:value", counted into `facets`
  downloads INTEGER NOT NULL DEFAULT 0 CHECK (downloads BETWEEN 0 AND 8589934591),
  created_at INTEGER NOT NULL,   -- milliseconds since 1970, as the next
  updated_at INTEGER NOT NULL,   -- the indexes keep seconds
  verified INTEGER NOT NULL DEFAULT 0,
  rating REAL,
  sunk INTEGER NOT NULL DEFAULT 0,  -- 1: deprecated or yanked, ranked last
  all_words TEXT AS (concat_ws(' ', name_words, title_words, summary_words, keyword_words, tags)) VIRTUAL,
  spelled_words TEXT AS (concat_ws(' ', name_words, title_words, keyword_words)) VIRTUAL
);

-- Relevance. rowid = docs.id. The weight of each column is in workers/search/rank.ts.
CREATE VIRTUAL TABLE words USING fts5(
  name, title, summary, keywords, tags,
  content='', contentless_delete=1, prefix='2 3', tokenize="unicode61 remove_diacritics 2 tokenchars '_'"
);

-- One index a sort: rowid = sort value << 20 | docs.id, so that `ORDER BY rowid DESC` is the sort,
-- `rowid < ?` the keyset, and filters cost nothing: they are words of the same index.
CREATE VIRTUAL TABLE by_downloads USING fts5(
  words, content='', contentless_delete=1, prefix='2 3', tokenize="unicode61 remove_diacritics 2 tokenchars '_'"
);
CREATE VIRTUAL TABLE by_created USING fts5(
  words, content='', contentless_delete=1, prefix='2 3', tokenize="unicode61 remove_diacritics 2 tokenchars '_'"
);
CREATE VIRTUAL TABLE by_updated USING fts5(
  words, content='', contentless_delete=1, prefix='2 3', tokenize="unicode61 remove_diacritics 2 tokenchars '_'"
);

-- Names, titles and keywords in threes of letters, to find what a misspelt word may have meant.
CREATE VIRTUAL TABLE spellings USING fts5(words, content='', contentless_delete=1, tokenize='trigram');

-- Catalogue-wide counts, exact at every moment; `catalogue` is the same as one row, which is what a
-- page reads.
CREATE TABLE facets (
  facet TEXT PRIMARY KEY,        -- "category:communication", "price:free", "permission:customers.view"
  count INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE catalogue (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  facets TEXT NOT NULL           -- JSON object facet → count
);
INSERT INTO catalogue(id, facets) VALUES (1, '{}');

CREATE TRIGGER docs_insert AFTER INSERT ON docs BEGIN
  INSERT INTO words(rowid, name, title, summary, keywords, tags)
    VALUES (new.id, new.name_words, new.title_words, new.summary_words, new.keyword_words, new.tags);
  INSERT INTO by_downloads(rowid, words) VALUES (new.downloads << 20 | new.id, new.all_words);
  INSERT INTO by_created(rowid, words) VALUES ((new.created_at / 1000) << 20 | new.id, new.all_words);
  INSERT INTO by_updated(rowid, words) VALUES ((new.updated_at / 1000) << 20 | new.id, new.all_words);
  INSERT INTO spellings(rowid, words) VALUES (new.id, new.spelled_words);
END;
CREATE TRIGGER docs_delete AFTER DELETE ON docs BEGIN
  DELETE FROM words WHERE rowid = old.id;
  DELETE FROM by_downloads WHERE rowid = (old.downloads << 20 | old.id);
  DELETE FROM by_created WHERE rowid = ((old.created_at / 1000) << 20 | old.id);
  DELETE FROM by_updated WHERE rowid = ((old.updated_at / 1000) << 20 | old.id);
  DELETE FROM spellings WHERE rowid = old.id;
END;
CREATE TRIGGER docs_update AFTER UPDATE ON docs BEGIN
  DELETE FROM words WHERE rowid = old.id;
  DELETE FROM by_downloads WHERE rowid = (old.downloads << 20 | old.id);
  DELETE FROM by_created WHERE rowid = ((old.created_at / 1000) << 20 | old.id);
  DELETE FROM by_updated WHERE rowid = ((old.updated_at / 1000) << 20 | old.id);
  DELETE FROM spellings WHERE rowid = old.id;
  INSERT INTO words(rowid, name, title, summary, keywords, tags)
    VALUES (new.id, new.name_words, new.title_words, new.summary_words, new.keyword_words, new.tags);
  INSERT INTO by_downloads(rowid, words) VALUES (new.downloads << 20 | new.id, new.all_words);
  INSERT INTO by_created(rowid, words) VALUES ((new.created_at / 1000) << 20 | new.id, new.all_words);
  INSERT INTO by_updated(rowid, words) VALUES ((new.updated_at / 1000) << 20 | new.id, new.all_words);
  INSERT INTO spellings(rowid, words) VALUES (new.id, new.spelled_words);
END;

CREATE TRIGGER facets_insert AFTER INSERT ON docs BEGIN
  INSERT INTO facets(facet, count) SELECT value, 1 FROM json_each(new.facets) WHERE true
    ON CONFLICT (facet) DO UPDATE SET count = count + 1;
  UPDATE catalogue SET facets = (SELECT json_group_object(facet, count) FROM facets WHERE count > 0);
END;
CREATE TRIGGER facets_delete AFTER DELETE ON docs BEGIN
  UPDATE facets SET count = count - 1 WHERE facet IN (SELECT value FROM json_each(old.facets));
  UPDATE catalogue SET facets = (SELECT json_group_object(facet, count) FROM facets WHERE count > 0);
END;
CREATE TRIGGER facets_update AFTER UPDATE OF facets ON docs WHEN old.facets <> new.facets BEGIN
  UPDATE facets SET count = count - 1 WHERE facet IN (SELECT value FROM json_each(old.facets));
  INSERT INTO facets(facet, count) SELECT value, 1 FROM json_each(new.facets) WHERE true
    ON CONFLICT (facet) DO UPDATE SET count = count + 1;
  UPDATE catalogue SET facets = (SELECT json_group_object(facet, count) FROM facets WHERE count > 0);
END;
