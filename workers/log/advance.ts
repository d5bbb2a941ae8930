import { RbsmError } from "@rising-bsm/protocol";
import { writeDatabase } from "../database.ts";
import type { Database } from "../database.ts";
import type { Bindings } from "../env.ts";
import { sleep } from "../objects.ts";
import { isFinished } from "../release/queries.ts";
import { dropHold, renewHold, takeHold } from "./queries.ts";
import { runPass } from "./run-pass.ts";

/** What is queued stays queued for the next one, or for the cron. */
const GIVE_UP_AFTER_MS = 20_000;
/** A request calls databases and buckets up to a thousand times, and a pass a good four hundred times. */
const PASSES_A_REQUEST = 2;
const RENEW_AFTER_MS = 2_000;

interface Caller {
  readonly env: Bindings;
  readonly db: Database;
  readonly now: Date;
  readonly holder: string;
  readonly plugin: string | undefined;
}

/**
 * Brings log and catalogue up to what the database says; whoever changed something calls it after the
 * batch, and the cron for what a crash left. One works at a time, for all that wait: a pass that began
 * after the call and is done has shown the caller's change too. Throws what went wrong with `plugin`;
 * of other plugins it is reported and left to the next pass.
 */
export async function advance(
  env: Bindings,
  now: Date = new Date(),
  plugin?: string,
): Promise<void> {
  const db = writeDatabase(env);
  const caller = { env, db, now, holder: crypto.randomUUID(), plugin };
  try {
    await waitOrWork(caller);
  } catch (error) {
    // A hold that cannot be given back ends by itself; what went wrong before says more.
    await Promise.allSettled([dropHold(db, { holder: caller.holder, done: false })]);
    throw error;
  }
}

async function waitOrWork(caller: Caller): Promise<void> {
  const { db, holder, plugin } = caller;
  const giveUpAt = Date.now() + GIVE_UP_AFTER_MS;
  let wanted: number | null = null;
  for (let passes = 0; passes < PASSES_A_REQUEST && Date.now() < giveUpAt;) {
    const { taken, begun, done } = await takeHold(db, { holder, wanted });
    wanted ??= begun + 1;
    if (taken) {
      if (await work(caller)) return;
      passes += 1;
    } else if (done < wanted) await sleep(20 + Math.random() * 80);
    else if (plugin === undefined || (await isFinished(db, plugin))) return;
    // Others could not finish this plugin: the next try says why.
    else wanted = begun + 1;
  }
  await assertShown(caller);
}

async function assertShown({ db, plugin }: Caller): Promise<void> {
  if (plugin !== undefined && (await isFinished(db, plugin))) return;
  throw new RbsmError("unavailable", "The log is busy; the change is stored and will be shown");
}

/** One pass; false when so much waits that another one is needed. */
async function work({ env, db, now, holder, plugin }: Caller): Promise<boolean> {
  const failures = new Map<string, unknown>();
  const pass = { env, db, now, plugin, failures, keepHold: holdKeeper(db, holder) };
  const isComplete = await runPass(pass);
  await dropHold(db, { holder, done: isComplete });
  for (const [name, cause] of failures) {
    if (name === plugin) throw cause;
    console.error({ unfinished: name, cause: String(cause) });
  }
  return isComplete;
}

function holdKeeper(db: Database, holder: string): () => Promise<void> {
  let renewedAt = Date.now();
  return async () => {
    if (Date.now() - renewedAt < RENEW_AFTER_MS) return;
    renewedAt = Date.now();
    if (!(await renewHold(db, holder))) {
      throw new RbsmError("unavailable", "Another request has taken over the log");
    }
  };
}
