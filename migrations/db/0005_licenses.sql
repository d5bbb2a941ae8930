-- Instances above the seats that may hold the license too, and are flagged.
ALTER TABLE licenses ADD COLUMN overage INTEGER NOT NULL DEFAULT 0 CHECK (overage >= 0);
-- What the payment behind it came to. Apart from `state`, which people decide.
ALTER TABLE licenses ADD COLUMN payment TEXT NOT NULL DEFAULT 'ok' CHECK (payment IN ('ok', 'disputed', 'refunded'));
ALTER TABLE licenses ADD COLUMN order_id TEXT;

CREATE UNIQUE INDEX licenses_order ON licenses (order_id) WHERE order_id IS NOT NULL;

-- When the first of the counted conflicts was.
ALTER TABLE activations ADD COLUMN conflicts_since INTEGER;
-- Its seat is one of the overage.
ALTER TABLE activations ADD COLUMN over_seats INTEGER NOT NULL DEFAULT 0 CHECK (over_seats IN (0, 1));
-- How often, and from when on, its newest lease was answered to who held an older one; the last of them.
ALTER TABLE activations ADD COLUMN resumes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE activations ADD COLUMN resumes_since INTEGER;
ALTER TABLE activations ADD COLUMN resumed_seq INTEGER;

-- What was asked for under a key of the caller's own is done once.
CREATE UNIQUE INDEX audit_once ON audit (subject, actor, action, detail ->> 'idempotencyKey')
WHERE detail ->> 'idempotencyKey' IS NOT NULL;
