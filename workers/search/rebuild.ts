import type { SearchRebuildResult } from "@rising-bsm/protocol";
import { RbsmError } from "@rising-bsm/protocol";
import { z } from "zod";
import type { Database } from "../database.ts";
import { describeError } from "../describe-error.ts";
import type { Bindings } from "../env.ts";
import { searchListingOf } from "../release/listing-of.ts";
import {
  markCountsStale,
  markIfChanged,
  pageOfListingFacts,
  wasSearched,
} from "../release/queries.ts";
import type { ListingFacts } from "../release/queries.ts";
import { searchDocStatements } from "./index-plugin.ts";
import type { SearchEntry } from "./index-plugin.ts";
import { INDEXES, RECOUNT_FACETS, stretchOf } from "./indexes.ts";
import { copyCounts } from "./sync-counts.ts";

/**
 * What the rows of `docs` are made by. Raise it when they shall be made in another way: the cron then
 * rebuilds them all, while search goes on with what is there.
 */
export const INDEX_VERSION = 3;

const PLUGINS_AT_ONCE = 200;
const ROWS_AT_ONCE = 2_000;
/** Times that plugins are written in a step while some of them change. */
const TRIES = 3;

const stateSchema = z.object({
  built: z.int(),
  generation: z.int(),
  rebuilding: z.int().nullable(),
  rebuilt_to: z.string(),
  index_version: z.int(),
});
type State = z.output<typeof stateSchema>;

interface Rebuild {
  readonly env: Pick<Bindings, "SEARCH">;
  readonly db: Database;
  readonly generation: number;
}

const STATE = "SELECT * FROM search_state";

async function readState(search: D1Database): Promise<State> {
  return stateSchema.parse(await search.prepare(STATE).first());
}

/** Has every row of search written again from the database, and what the database lacks removed. */
export async function startRebuild(search: D1Database): Promise<void> {
  await search
    .prepare(
      `UPDATE search_state SET rebuilding = coalesce(rebuilding, generation) + 1,
       rebuilt_to = 'plugin:'`,
    )
    .run();
}

/** A marketplace that has never shown a plugin has nothing to build. */
export async function markBuiltIfNew(
  { SEARCH }: Pick<Bindings, "SEARCH">,
  db: Database,
): Promise<void> {
  if ((await readState(SEARCH)).built === 1 || (await wasSearched(db))) return;
  await SEARCH.prepare("UPDATE search_state SET built = 1, index_version = ? WHERE built = 0")
    .bind(INDEX_VERSION)
    .run();
}

/** Throws `unavailable` while the search database is new and the other one is not. */
export async function assertBuilt(
  { SEARCH }: Pick<Bindings, "SEARCH">,
  db: Database,
): Promise<void> {
  const built = await SEARCH.withSession("first-unconstrained")
    .prepare("SELECT built FROM search_state")
    .first<number>("built");
  if (built === 1 || !(await wasSearched(db))) return;
  throw new RbsmError("unavailable", "The search index is being rebuilt");
}

/** Begins a rebuild where one is due, and goes on with the one under way for some steps. */
export async function continueRebuild(
  env: Pick<Bindings, "SEARCH">,
  db: Database,
  steps: number,
): Promise<SearchRebuildResult> {
  let state = await readState(env.SEARCH);
  const isDue = state.built === 0 || state.index_version < INDEX_VERSION;
  if (isDue && state.rebuilding === null) {
    await startRebuild(env.SEARCH);
    state = await readState(env.SEARCH);
  }
  for (let step = 0; step < steps && state.rebuilding !== null; step++) {
    state = await takeStep({ env, db, generation: state.rebuilding }, state.rebuilt_to);
  }
  return {
    generation: state.rebuilding ?? state.generation,
    isDone: state.rebuilding === null,
    rebuiltTo: state.rebuilt_to,
  };
}

/** Where every plugin is written and no other is left: what follows are rows that nobody finds. */
const COMPLETE = `${INDEXES[0]}:`;

/** Steps may be taken twice, also at once: only the first to finish moves on. Gives what is then. */
async function takeStep(rebuild: Rebuild, rebuiltTo: string): Promise<State> {
  const [, kind = "", after = ""] = /^([a-z_]+):(.*)$/s.exec(rebuiltTo) ?? [];
  const next = await nextAfter(rebuild, kind, after);
  const { env, generation } = rebuild;
  const moved =
    next === null
      ? env.SEARCH.prepare(
          `UPDATE search_state SET generation = rebuilding, rebuilding = NULL, rebuilt_to = '',
           built = 1, index_version = ${INDEX_VERSION} WHERE rebuilding = ? AND rebuilt_to = ?`,
        ).bind(generation, rebuiltTo)
      : env.SEARCH.prepare(
          `UPDATE search_state SET rebuilt_to = ?1, built = built OR ?1 = '${COMPLETE}'
           WHERE rebuilding = ?2 AND rebuilt_to = ?3`,
        ).bind(next, generation, rebuiltTo);
  const [, now] = await env.SEARCH.batch([moved, env.SEARCH.prepare(STATE)]);
  return stateSchema.parse(now?.results[0]);
}

/** Where the rebuild is after the step from here; null is the end. */
async function nextAfter(rebuild: Rebuild, kind: string, after: string): Promise<string | null> {
  if (kind === "plugin") return writePlugins(rebuild, after);
  if (kind === "unwanted") return sweepDocs(rebuild);
  return sweepIndex(rebuild, kind, after);
}

/**
 * Whoever has written older facts than there are corrects them, since another one may have moved on.
 * Plugins that change all the time hold nothing up: these are left to the next pass.
 */
async function writePlugins(rebuild: Rebuild, after: string): Promise<string> {
  for (let tries = 1; ; tries++) {
    const page = await pageOfListingFacts(rebuild.db, { after, limit: PLUGINS_AT_ONCE });
    const hasChanged = page.length > 0 && (await writePage(rebuild, page));
    if (hasChanged && tries < TRIES) continue;
    const last = page.at(-1);
    return last === undefined ? "unwanted:" : `plugin:${last.name}`;
  }
}

/** Says whether any of them has changed meanwhile. */
async function writePage({ env, db, generation }: Rebuild, page: readonly ListingFacts[]) {
  const rows = rowStatements(env.SEARCH, page, generation);
  const counts = page.map((facts) => ({ plugin: facts.name, ...facts.counts }));
  await env.SEARCH.batch([...rows, copyCounts(env.SEARCH, counts)]);
  // What was counted meanwhile is copied again.
  const names = page.map(({ name }) => name);
  const [, changed] = await db.batch([markCountsStale(db, names), markIfChanged(db, page)]);
  return changed.meta.changes > 0;
}

/** One that cannot be read keeps the row that it has, and keeps none of the others from theirs. */
function rowStatements(
  search: D1Database,
  page: readonly ListingFacts[],
  generation: number,
): D1PreparedStatement[] {
  const listed: SearchEntry[] = [];
  const unlisted: string[] = [];
  const unreadable: string[] = [];
  for (const facts of page) {
    try {
      const listing = searchListingOf(facts);
      if (listing === null) unlisted.push(facts.name);
      else listed.push({ listing, counts: facts.counts });
    } catch (error) {
      console.error({ unreadable: facts.name, cause: describeError(error) });
      unreadable.push(facts.name);
    }
  }
  return [
    ...searchDocStatements(search, listed),
    search.prepare(`DELETE FROM docs WHERE ${IS_NAMED}`).bind(JSON.stringify(unlisted)),
    search
      .prepare(`UPDATE docs SET generation = ?2 WHERE ${IS_NAMED}`)
      .bind(JSON.stringify(unreadable), generation),
  ];
}

const IS_NAMED = "name IN (SELECT value FROM json_each(?1))";

async function sweepDocs({ env, generation }: Rebuild): Promise<string> {
  const { meta } = await env.SEARCH.prepare(
    `DELETE FROM docs WHERE id IN
     (SELECT id FROM docs WHERE generation < ? LIMIT ${PLUGINS_AT_ONCE})`,
  )
    .bind(generation)
    .run();
  return meta.changes > 0 ? "unwanted:" : COMPLETE;
}

/** Rows of an index that belong to nothing; after the last index the facets are counted again. */
async function sweepIndex({ env }: Rebuild, index: string, after: string): Promise<string | null> {
  const at = INDEXES.indexOf(index);
  if (at === -1) throw new RbsmError("internal", "The rebuild is at a step that is none");
  const rows = stretchOf(index);
  const bounds = [after === "" ? "-1" : after, ROWS_AT_ONCE] as const;
  const [seen] = await env.SEARCH.batch<{ last: string; rows: number }>([
    env.SEARCH.prepare(
      `SELECT CAST(max(id) AS TEXT) AS last, count(*) AS rows FROM (${rows})`,
    ).bind(...bounds),
    env.SEARCH.prepare(
      `DELETE FROM ${index} WHERE rowid IN (SELECT id FROM (${rows}) WHERE orphan)`,
    ).bind(...bounds),
  ]);
  const stretch = seen?.results[0];
  if (stretch?.rows === ROWS_AT_ONCE) return `${index}:${stretch.last}`;
  const following = INDEXES[at + 1];
  if (following !== undefined) return `${following}:`;
  await env.SEARCH.batch(RECOUNT_FACETS.map((statement) => env.SEARCH.prepare(statement)));
  return null;
}
