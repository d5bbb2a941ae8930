-- Spellings that cost the same however large the vocabulary is, ids that are given once, and new names
-- beside those that are renamed.

-- A ranking is a cursor of ids: the next plugin must not be found under the words of one that is gone.
ALTER TABLE search_state ADD COLUMN last_id INTEGER NOT NULL DEFAULT 0;
UPDATE search_state SET last_id = (SELECT coalesce(max(id), 0) FROM docs);
CREATE TRIGGER ids_insert AFTER INSERT ON docs BEGIN
  UPDATE search_state SET last_id = max(last_id, new.id);
END;

-- The vocabulary begins anew: the rebuild that follows offers every word again, as does one under way.
DROP TABLE terms;
INSERT INTO term_grams(term_grams) VALUES ('delete-all');
CREATE TABLE terms (
  id INTEGER PRIMARY KEY,
  word TEXT NOT NULL UNIQUE
);
-- Each word with one letter left out, for every letter. Two words that are one slip apart (a letter
-- more, less, another or two that changed places) have one of these, or one of them itself, in common.
CREATE VIRTUAL TABLE term_slips USING fts5(
  words, content='', contentless_delete=1, tokenize="unicode61 remove_diacritics 2"
);
CREATE TRIGGER terms_insert AFTER INSERT ON terms BEGIN
  INSERT INTO term_grams(rowid, word) VALUES (new.id, '__' || new.word || '__');
  INSERT INTO term_slips(rowid, words)
    SELECT new.id, new.word || ' ' || group_concat(substr(new.word, 1, value) || substr(new.word, value + 2), ' ')
    FROM json_each('[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31]')
    WHERE value < length(new.word);
END;
CREATE TRIGGER terms_delete AFTER DELETE ON terms BEGIN
  DELETE FROM term_grams WHERE rowid = old.id;
  DELETE FROM term_slips WHERE rowid = old.id;
END;

-- As before, but what begins with "_" is a mark and no word.
DROP TRIGGER words_insert;
DROP TRIGGER words_update;
CREATE TRIGGER words_insert AFTER INSERT ON docs BEGIN
  INSERT INTO words(rowid, name, title, summary, keywords, tags)
    VALUES (new.id, new.name_words, new.title_words, new.summary_words, new.keyword_words, new.tags);
  INSERT INTO terms(word)
    SELECT value FROM json_each('["' || replace(
      concat_ws(' ', new.name_words, new.title_words, new.summary_words, new.keyword_words),
      ' ', '","') || '"]')
    WHERE length(value) BETWEEN 3 AND 32 AND substr(value, 1, 1) <> '_' ON CONFLICT DO NOTHING;
  INSERT INTO labels(label, id) SELECT value, new.id FROM json_each(new.labels) WHERE true
    ON CONFLICT DO NOTHING;
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
    WHERE length(value) BETWEEN 3 AND 32 AND substr(value, 1, 1) <> '_' ON CONFLICT DO NOTHING;
  DELETE FROM labels WHERE label IN (SELECT value FROM json_each(old.labels)) AND id = old.id;
  INSERT INTO labels(label, id) SELECT value, new.id FROM json_each(new.labels) WHERE true
    ON CONFLICT DO NOTHING;
END;

-- Where the vocabulary is too large for one statement the rebuild alone fills it.
INSERT OR IGNORE INTO terms(word)
  SELECT term FROM vocabulary
  WHERE length(term) BETWEEN 3 AND 32 AND substr(term, 1, 1) <> '_'
    AND (SELECT count(*) FROM docs) <= 20000;
UPDATE search_state SET rebuilding = rebuilding + 1, rebuilt_to = 'plugin:' WHERE rebuilding IS NOT NULL;

-- A new plugin stands in `name` at once if the two beside it do and nobody stands between them: who was
-- renamed stands where it was up to the turn.
CREATE VIEW placeable (id) AS SELECT n.id
  FROM neighbours n LEFT JOIN docs a ON a.id = n.low LEFT JOIN docs b ON b.id = n.high
  WHERE (n.low IS NULL OR EXISTS (SELECT 1 FROM settled s WHERE s.id = n.low))
    AND (n.high IS NULL OR EXISTS (SELECT 1 FROM settled s WHERE s.id = n.high))
    AND NOT EXISTS (SELECT 1 FROM by_name_docsize place
      WHERE place.id >= coalesce((2147483648 - b.label) << 22, 0)
        AND place.id < coalesce((2147483647 - a.label) << 22, 9223372036854775807));
DROP TRIGGER sorts_insert;
CREATE TRIGGER sorts_insert AFTER INSERT ON docs BEGIN
  UPDATE docs SET label = (SELECT label FROM free_labels WHERE id = new.id) WHERE id = new.id;
  INSERT INTO places (id, sort, slot, key) SELECT id, sort, 0, key FROM targets WHERE id = new.id
    AND (sort <> 'name' OR EXISTS (SELECT 1 FROM placeable WHERE id = new.id));
  UPDATE docs SET waits = 1 WHERE id = new.id
    AND NOT EXISTS (SELECT 1 FROM places WHERE id = new.id AND sort = 'name');
END;
