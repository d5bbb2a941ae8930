-- Icon, screenshots and texts of a release, once they lie in the public bucket. NULL: still to be made.
ALTER TABLE versions ADD COLUMN details TEXT CHECK (details IS NULL OR json_valid(details));

CREATE INDEX versions_without_details ON versions (plugin, version)
  WHERE details IS NULL AND status IN ('released', 'published');
