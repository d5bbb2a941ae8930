-- What a license has only for hosts of the old system.
CREATE TABLE legacy_licenses (
  license_id TEXT PRIMARY KEY REFERENCES licenses (id),
  -- The customer's number at the seller's host.
  user_id TEXT,
  -- SHA-256 of the one hardware id that it is for; NULL is any.
  hardware TEXT CHECK (length(hardware) = 64),
  -- SHA-256 of the key that it had before its last transfer.
  former_key_hash TEXT UNIQUE CHECK (length(former_key_hash) = 64)
) STRICT, WITHOUT ROWID;

CREATE INDEX legacy_licenses_user ON legacy_licenses (user_id) WHERE user_id IS NOT NULL;
