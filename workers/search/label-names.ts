/**
 * The sort by name: each plugin has a label, a number below 2^31, in the order of `name_key`. A new one
 * takes the middle between its neighbours (`free_labels`). When there is none, the labels around it are
 * spread evenly over a stretch that has room; the longer the stretch, the more room it must have, which
 * keeps the work for one new name small on average.
 */
const FIRST_REACH = 32;
const FIRST_GAP = 16;

const UNLABELLED = "SELECT name_key FROM docs WHERE label IS NULL ORDER BY name_key LIMIT 1";

/** Ends of the stretch of `?2` names on either side of ?1, as what follows it sees them. */
const STRETCH = `SELECT
    coalesce((SELECT min(name_key) FROM (SELECT name_key FROM docs WHERE label IS NOT NULL
      AND name_key < ?1 ORDER BY name_key DESC LIMIT CAST(?2 AS INTEGER))), ?1) AS first,
    coalesce((SELECT max(name_key) FROM (SELECT name_key FROM docs WHERE label IS NOT NULL
      AND name_key > ?1 ORDER BY name_key LIMIT CAST(?2 AS INTEGER))), ?1) AS last`;

const LOW = `coalesce((SELECT label FROM docs WHERE label IS NOT NULL AND name_key < ?1
  ORDER BY name_key DESC LIMIT 1), -1)`;
const HIGH = `coalesce((SELECT label FROM docs WHERE label IS NOT NULL AND name_key > ?2
  ORDER BY name_key LIMIT 1), 2147483648)`;
const NAMES = `(SELECT id, name_key FROM docs WHERE label IS NOT NULL AND name_key BETWEEN ?1 AND ?2
  UNION ALL SELECT id, name_key FROM docs WHERE label IS NULL AND name_key BETWEEN ?1 AND ?2)`;

const ROOM = `SELECT ${LOW} AS low, ${HIGH} AS high, (SELECT count(*) FROM ${NAMES}) AS names`;

const SPREAD = `UPDATE docs SET label = spread.label FROM (
    SELECT id, ${LOW} + row_number() OVER (ORDER BY name_key)
      * ((${HIGH} - ${LOW}) / (count(*) OVER () + 1)) AS label FROM ${NAMES}
  ) spread WHERE spread.id = docs.id`;

/** Gives names without a label one, around some places at once; false when more wait. */
export async function labelNames(search: D1Database, places: number): Promise<boolean> {
  for (let place = 0; place < places; place++) {
    const key = await search.prepare(UNLABELLED).first<string>("name_key");
    if (key === null) return true;
    await spreadAround(search, key);
  }
  return false;
}

async function spreadAround(search: D1Database, key: string): Promise<void> {
  for (let reach = FIRST_REACH; ; reach *= 2) {
    const ends = await search
      .prepare(STRETCH)
      .bind(key, reach)
      .first<{ first: string; last: string }>();
    if (ends === null) return;
    const bounds = [ends.first, ends.last] as const;
    const room = await search
      .prepare(ROOM)
      .bind(...bounds)
      .first<{ low: number; high: number; names: number }>();
    if (room === null || !isRoomy(room, reach)) continue;
    await search
      .prepare(SPREAD)
      .bind(...bounds)
      .run();
    return;
  }
}

function isRoomy(room: { low: number; high: number; names: number }, reach: number): boolean {
  const isWhole = room.low === -1 && room.high === 2 ** 31;
  const gap = FIRST_GAP * Math.sqrt(reach / FIRST_REACH);
  return isWhole || (room.high - room.low) / (room.names + 1) >= gap;
}
