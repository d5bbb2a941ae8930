-- What the feed of all releases is read from: private, unlisted and yanked ones take no place in it.
CREATE INDEX versions_offered ON versions (seq)
WHERE status = 'published' AND yanked_reason IS NULL
  AND coalesce(manifest ->> 'visibility', 'public') = 'public';
