CREATE TABLE instances (
  id TEXT PRIMARY KEY,
  public_key TEXT NOT NULL UNIQUE,
  jkt TEXT NOT NULL UNIQUE,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE licenses (
  id TEXT PRIMARY KEY,
  key_hash TEXT NOT NULL UNIQUE,
  plugin TEXT NOT NULL,
  plan TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('free', 'perpetual', 'subscription', 'trial', 'floating')),
  state TEXT NOT NULL CHECK (state IN ('active', 'suspended', 'revoked')),
  seats INTEGER CHECK (seats >= 0),
  users INTEGER CHECK (users >= 0),
  entitlements TEXT NOT NULL CHECK (json_valid(entitlements)),
  org TEXT,
  period TEXT CHECK (period IN ('month', 'year')),
  trial_days INTEGER CHECK (trial_days > 0),
  until INTEGER,
  updates_until INTEGER,
  transferred_at INTEGER,
  revision INTEGER NOT NULL,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX licenses_plugin ON licenses (plugin, created_at);

CREATE TABLE activations (
  id TEXT PRIMARY KEY,
  license_id TEXT NOT NULL REFERENCES licenses (id),
  instance_id TEXT NOT NULL REFERENCES instances (id),
  plugin TEXT NOT NULL,
  trial INTEGER NOT NULL CHECK (trial IN (0, 1)),
  seq INTEGER NOT NULL,
  rid TEXT NOT NULL,
  lease TEXT NOT NULL,
  lease_until INTEGER NOT NULL,
  held_until INTEGER NOT NULL,
  ended_at INTEGER,
  conflicts INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX activations_license_instance ON activations (license_id, instance_id);
CREATE UNIQUE INDEX activations_one_trial ON activations (instance_id, plugin) WHERE trial = 1;
CREATE INDEX activations_seats ON activations (license_id, held_until);

CREATE TABLE activation_attempts (
  instance_id TEXT PRIMARY KEY,
  window_ends_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
