import { labelNames } from "./label-names.ts";

/** A cursor can be followed for so long after its page was read, less what a run of the cron takes. */
const LEAST_EPOCH_MS = 3_600_000;

const PLUGINS_AT_ONCE = 200;
/** Chunks of one run; the next run goes on. */
const CHUNKS = 40;
/** Places among the names; around each a stretch is spread. */
const NAMES = 20;

/** Ends places that no cursor reads any more. */
const SWEEP = `DELETE FROM places WHERE (id, sort, slot) IN (SELECT id, sort, slot FROM places
  WHERE dies < (SELECT epoch FROM search_state) LIMIT ${5 * PLUGINS_AT_ONCE})`;

const WAITING = `SELECT id FROM docs WHERE waits = 1 AND label IS NOT NULL LIMIT ${PLUGINS_AT_ONCE}`;

const NEXT = "(SELECT epoch + 1 FROM search_state)";
const NAMED = "id IN (SELECT value FROM json_each(?))";

/** Each plugin has at most four places in a sort: swept next, of the epoch before, of this, of the next. */
const FREE_SLOT = `(SELECT min(column1) FROM (VALUES (0), (1), (2), (3)) WHERE column1 NOT IN
  (SELECT slot FROM places p WHERE p.id = t.id AND p.sort = t.sort))`;

/** Brings the places of these plugins in the next epoch to where they shall be. */
const MOVE = [
  `DELETE FROM places WHERE ${NAMED} AND born = ${NEXT}`,
  `UPDATE places SET dies = NULL WHERE ${NAMED} AND dies = ${NEXT}`,
  `UPDATE places SET dies = ${NEXT} WHERE ${NAMED} AND dies IS NULL AND (
     key <> (SELECT key FROM targets t WHERE t.id = places.id AND t.sort = places.sort)
     OR EXISTS (SELECT 1 FROM places p WHERE p.id = places.id AND p.sort = places.sort
       AND p.dies IS NULL AND p.key = places.key AND p.slot < places.slot))`,
  `INSERT INTO places (id, sort, slot, key, born) SELECT id, sort, ${FREE_SLOT}, key, ${NEXT}
     FROM targets t WHERE ${NAMED} AND NOT EXISTS
     (SELECT 1 FROM places p WHERE p.id = t.id AND p.sort = t.sort AND p.dies IS NULL)`,
  `UPDATE docs SET waits = 0 WHERE ${NAMED} AND label IS NOT NULL`,
];

/** All that moved moves at once, when all is ready and what the turn ends has been swept. */
const TURN = `UPDATE search_state SET epoch = epoch + 1, turned_at = ?, pending = 0
  WHERE pending = 1 AND turned_at <= ?
  AND NOT EXISTS (SELECT 1 FROM docs WHERE waits = 1)
  AND NOT EXISTS (SELECT 1 FROM places WHERE dies < (SELECT epoch FROM search_state))`;

/**
 * Turns the sorts to what the plugins say by now, at most once an hour and only when something moved;
 * a walk that is under way goes on in the epoch of its cursor. Every step can be repeated, and what one
 * run leaves the next one goes on with.
 */
export async function turnEpoch(
  search: D1Database,
  now: number,
  leastMs: number = LEAST_EPOCH_MS,
): Promise<void> {
  await sweepPlaces(search);
  const turnedAt = await search.prepare("SELECT turned_at FROM search_state").first("turned_at");
  if (Number(turnedAt) > now - leastMs) return;
  if (!(await labelNames(search, NAMES))) return;
  if (!(await movePlaces(search))) return;
  await search
    .prepare(TURN)
    .bind(now, now - leastMs)
    .run();
}

async function sweepPlaces(search: D1Database): Promise<void> {
  for (let chunk = 0; chunk < CHUNKS; chunk++) {
    const { meta } = await search.prepare(SWEEP).run();
    if (meta.changes === 0) return;
  }
}

async function movePlaces(search: D1Database): Promise<boolean> {
  for (let chunk = 0; chunk < CHUNKS; chunk++) {
    const { results } = await search.prepare(WAITING).all<{ id: number }>();
    if (results.length === 0) return true;
    const ids = JSON.stringify(results.map(({ id }) => id));
    await search.batch([
      ...MOVE.map((statement) => search.prepare(statement).bind(ids)),
      search.prepare("UPDATE search_state SET pending = 1"),
    ]);
  }
  return false;
}
