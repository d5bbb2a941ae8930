import { writeDatabase } from "./database.ts";
import type { Bindings } from "./env.ts";
import { finishPlugin } from "./release/finish-plugin.ts";
import { listUnfinished } from "./release/queries.ts";

/** Younger work is still in the hands of the request that began it. */
const STUCK_AFTER_MS = 60_000;
const PLUGINS_A_RUN = 50;

/** Finishes what crashed requests left. One plugin that cannot be finished does not hold up the rest. */
export async function repairPlugins(env: Bindings, now: Date): Promise<void> {
  const unfinished = await listUnfinished(writeDatabase(env), {
    olderThan: now.getTime() - STUCK_AFTER_MS,
    limit: PLUGINS_A_RUN,
  });
  const results = await Promise.allSettled(unfinished.map((plugin) => finishPlugin(env, plugin)));
  for (const [i, result] of results.entries()) {
    if (result.status === "rejected") {
      console.error({ repair: unfinished[i], cause: String(result.reason) });
    }
  }
}
