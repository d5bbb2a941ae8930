import type { Database } from "../database.ts";
import type { Bindings } from "../env.ts";
import { countCommonWords } from "./common-words.ts";
import { turnEpoch } from "./epoch.ts";
import { continueRebuild } from "./rebuild.ts";
import { syncCounts } from "./sync-counts.ts";

const REBUILD_STEPS = 60;
const COUNT_CHUNKS = 20;
const LETTERS = 3;

/** The work of the cron on the search database: rebuild, counts, sorts. */
export async function maintainSearch(env: Bindings, db: Database, now: Date): Promise<void> {
  await continueRebuild(env, db, REBUILD_STEPS);
  for (let chunk = 0; chunk < COUNT_CHUNKS; chunk++) {
    if (await syncCounts(env)) break;
  }
  await turnEpoch(env.SEARCH, now.getTime());
  await countCommonWords(env.SEARCH, { now, letters: LETTERS });
}
