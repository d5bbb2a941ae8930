-- The catalogue's own vocabulary: what a misspelt word, a part of a compound or a common word is held
-- against. A query is put into words of it and asked of `words`, so that filters hold for all of them.

-- Every word that some plugin is found by. What no plugin has any more goes with the count of common
-- words (workers/search/common-words.ts).
CREATE TABLE terms (
  id INTEGER PRIMARY KEY,
  word TEXT NOT NULL UNIQUE
);
-- In threes of letters; the ends are marked, so that short words share some with their misspellings.
CREATE VIRTUAL TABLE term_grams USING fts5(word, content='', contentless_delete=1, tokenize='trigram');
CREATE TRIGGER terms_insert AFTER INSERT ON terms BEGIN
  INSERT INTO term_grams(rowid, word) VALUES (new.id, '__' || new.word || '__');
END;
CREATE TRIGGER terms_delete AFTER DELETE ON terms BEGIN
  DELETE FROM term_grams WHERE rowid = old.id;
END;

-- What a plugin is called: a query that is one of these finds it, however common its words are.
ALTER TABLE docs ADD COLUMN labels TEXT NOT NULL DEFAULT '[]'; -- JSON array of folded texts
CREATE TABLE labels (
  label TEXT NOT NULL,
  id INTEGER NOT NULL,           -- docs.id
  PRIMARY KEY (label, id)
) WITHOUT ROWID;

-- Words and beginnings of up to 8 letters that are in so many plugins that ranking all of them would
-- make a search slower with every plugin more; a row for each first letter.
CREATE VIRTUAL TABLE vocabulary USING fts5vocab(words, row);
CREATE TABLE common_words (
  letter TEXT PRIMARY KEY,       -- "~": every letter behind z
  words TEXT NOT NULL,           -- JSON array; a beginning ends with "*"
  counted_at INTEGER NOT NULL    -- milliseconds since 1970
) WITHOUT ROWID;
INSERT INTO common_words (letter, words, counted_at)
  SELECT substr('0123456789abcdefghijklmnopqrstuvwxyz~', value, 1), '[]', 0
  FROM (WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < 37) SELECT value FROM n);

DROP TRIGGER words_insert;
DROP TRIGGER words_delete;
DROP TRIGGER words_update;
DROP TABLE spellings;
ALTER TABLE docs DROP COLUMN spelled_words;

CREATE TRIGGER words_insert AFTER INSERT ON docs BEGIN
  INSERT INTO words(rowid, name, title, summary, keywords, tags)
    VALUES (new.id, new.name_words, new.title_words, new.summary_words, new.keyword_words, new.tags);
  INSERT INTO terms(word)
    SELECT value FROM json_each('["' || replace(
      concat_ws(' ', new.name_words, new.title_words, new.summary_words, new.keyword_words),
      ' ', '","') || '"]')
    WHERE length(value) BETWEEN 3 AND 32 ON CONFLICT DO NOTHING;
  INSERT INTO labels(label, id) SELECT value, new.id FROM json_each(new.labels) WHERE true
    ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER words_delete AFTER DELETE ON docs BEGIN
  DELETE FROM words WHERE rowid = old.id;
  DELETE FROM labels WHERE label IN (SELECT value FROM json_each(old.labels)) AND id = old.id;
END;
-- A rebuild writes every row again, and those that are missing.
CREATE TRIGGER words_update
  AFTER UPDATE OF generation, name_words, title_words, summary_words, keyword_words, tags, labels ON docs
  WHEN (old.generation, old.name_words, old.title_words, old.summary_words, old.keyword_words, old.tags, old.labels)
    IS NOT (new.generation, new.name_words, new.title_words, new.summary_words, new.keyword_words, new.tags, new.labels)
BEGIN
  DELETE FROM words WHERE rowid = old.id;
  INSERT INTO words(rowid, name, title, summary, keywords, tags)
    VALUES (new.id, new.name_words, new.title_words, new.summary_words, new.keyword_words, new.tags);
  INSERT INTO terms(word)
    SELECT value FROM json_each('["' || replace(
      concat_ws(' ', new.name_words, new.title_words, new.summary_words, new.keyword_words),
      ' ', '","') || '"]')
    WHERE length(value) BETWEEN 3 AND 32 ON CONFLICT DO NOTHING;
  DELETE FROM labels WHERE label IN (SELECT value FROM json_each(old.labels)) AND id = old.id;
  INSERT INTO labels(label, id) SELECT value, new.id FROM json_each(new.labels) WHERE true
    ON CONFLICT DO NOTHING;
END;

INSERT OR IGNORE INTO terms(word)
  SELECT term FROM vocabulary WHERE length(term) BETWEEN 3 AND 32 AND substr(term, 1, 1) <> '_';
-- The rebuild that follows adds the titles and folds the names exactly.
UPDATE docs SET labels = json_array(replace(substr(name, instr(name, '/') + 1), '-', ' '), name_words);
