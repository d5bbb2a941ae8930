import { writeDatabase } from "../database.ts";
import type { Bindings } from "../env.ts";
import { finishPlugin } from "../release/finish-plugin.ts";
import { listUnfinished } from "../release/queries.ts";

const PLUGINS_AT_ONCE = 50;

/** Brings log and catalogue up to what the database says; whoever changed something calls it after the batch. */
export async function advance(env: Bindings, now: Date = new Date()): Promise<void> {
  const unfinished = await listUnfinished(writeDatabase(env), {
    olderThan: now.getTime(),
    limit: PLUGINS_AT_ONCE,
  });
  for (const plugin of unfinished) await finishPlugin(env, plugin);
}
