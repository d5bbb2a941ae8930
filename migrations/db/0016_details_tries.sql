-- How often a version's images and texts were begun, and when they are tried again: a bundle over
-- which the Worker dies is not the first work of every pass.
ALTER TABLE versions ADD COLUMN details_tries INTEGER NOT NULL DEFAULT 0;
ALTER TABLE versions ADD COLUMN details_due INTEGER NOT NULL DEFAULT 0;
