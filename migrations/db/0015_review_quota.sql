-- Reviews that were written or changed from a network on a day.
ALTER TABLE network_days ADD COLUMN reviews INTEGER NOT NULL DEFAULT 0;
