import type { Database } from "../database.ts";
import type { Bindings } from "../env.ts";
import { allSettled } from "../objects.ts";
import { countCommonWords } from "./common-words.ts";
import { turnEpoch } from "./epoch.ts";
import { continueRebuild } from "./rebuild.ts";
import { syncCounts } from "./sync-counts.ts";

const REBUILD_STEPS = 80;
const COUNT_CHUNKS = 20;
const LETTERS = 3;

/**
 * The work of the cron on the search database: rebuild, counts, sorts. One that goes wrong keeps none of
 * those behind it from being done.
 */
export async function maintainSearch(env: Bindings, db: Database, now: Date): Promise<void> {
  const parts = [
    () => continueRebuild(env, db, REBUILD_STEPS),
    () => copyStaleCounts(env),
    () => turnEpoch(env.SEARCH, now.getTime()),
    () => countCommonWords(env.SEARCH, { now, letters: LETTERS }),
  ];
  const done: Promise<unknown>[] = [];
  for (const part of parts) {
    done.push(part());
    await Promise.allSettled(done);
  }
  await allSettled(done);
}

async function copyStaleCounts(env: Bindings): Promise<void> {
  for (let chunk = 0; chunk < COUNT_CHUNKS; chunk++) {
    if (await syncCounts(env)) return;
  }
}
