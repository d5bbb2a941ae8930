-- A publisher with many scopes asks for the events of one of them. Without all columns SQLite takes the
-- other index, and reads the events of every scope.
CREATE INDEX license_events_scope ON license_events (publisher, scope, number, audit_id, nonce);
