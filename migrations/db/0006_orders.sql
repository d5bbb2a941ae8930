CREATE TABLE orders (
  id TEXT PRIMARY KEY,
  provider TEXT NOT NULL,
  -- The provider's checkout, once there is one.
  session TEXT UNIQUE,
  plugin TEXT NOT NULL,
  -- The plan as it was offered; a later manifest does not change what is being bought.
  plan TEXT NOT NULL CHECK (json_valid(plan)),
  seats INTEGER,
  org TEXT,
  -- In the currency's smallest unit, of everything.
  amount INTEGER NOT NULL CHECK (amount > 0),
  currency TEXT NOT NULL,
  -- What is known of the payment. Events come in any order, so each says one thing and none takes another back.
  paid_at INTEGER,
  paid_until INTEGER,
  refunded_at INTEGER,
  disputed_at INTEGER,
  dispute_won_at INTEGER,
  dispute_lost_at INTEGER,
  cancelled_at INTEGER,
  expired_at INTEGER,
  license_id TEXT REFERENCES licenses (id),
  revision INTEGER NOT NULL,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX orders_plugin ON orders (plugin, created_at);

-- Each event of a provider acts once.
CREATE TABLE payment_events (
  provider TEXT NOT NULL,
  id TEXT NOT NULL,
  type TEXT NOT NULL,
  order_id TEXT NOT NULL REFERENCES orders (id),
  happened_at INTEGER NOT NULL,
  received_at INTEGER NOT NULL,
  PRIMARY KEY (provider, id)
) STRICT, WITHOUT ROWID;
