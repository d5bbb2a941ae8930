-- What makes the same report of the same network on one day one report: the day and an HMAC that also
-- holds the network's. It is forgotten with that; the id is random.
ALTER TABLE reports ADD COLUMN once TEXT;
CREATE UNIQUE INDEX reports_once ON reports (once) WHERE once IS NOT NULL;
