CREATE TABLE orders (
  id TEXT PRIMARY KEY,
  provider TEXT NOT NULL,
  -- SHA-256 of the provider's checkout id: whoever knows that id sees the license key.
  session_hash TEXT NOT NULL,
  plugin TEXT NOT NULL,
  -- The plan as it was offered; a later manifest does not change what is being bought.
  plan TEXT NOT NULL CHECK (json_valid(plan)),
  seats INTEGER CHECK (seats > 0),
  org TEXT,
  -- Of everything, in the smallest unit of the currency.
  amount INTEGER NOT NULL CHECK (amount > 0),
  currency TEXT NOT NULL,
  license_id TEXT REFERENCES licenses (id),
  -- Counts the events; one is stored only over the order that it was decided on.
  revision INTEGER NOT NULL,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX orders_plugin ON orders (plugin, created_at);

-- What a provider said about an order. Rows are only ever added, each event acts once, and the
-- license follows from all of them together, so that it does not matter in which order they come.
CREATE TABLE payment_events (
  provider TEXT NOT NULL,
  id TEXT NOT NULL,
  order_id TEXT NOT NULL REFERENCES orders (id),
  fact TEXT NOT NULL CHECK (fact IN (
    'paid', 'refunded', 'partly_refunded', 'disputed', 'dispute_won', 'dispute_lost', 'cancelled', 'expired')),
  dispute TEXT,
  -- End of the period that the payment in question is for; NULL is a payment for good.
  until INTEGER,
  happened_at INTEGER NOT NULL,
  received_at INTEGER NOT NULL,
  PRIMARY KEY (provider, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX payment_events_order ON payment_events (order_id);

-- Orders that a network began in the running window; its address only as an HMAC.
CREATE TABLE order_attempts (
  client TEXT PRIMARY KEY,
  window_ends_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX order_attempts_window ON order_attempts (window_ends_at);
