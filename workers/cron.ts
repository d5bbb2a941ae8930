import { carryOutTransfers } from "./accounts/carry-out-transfers.ts";
import { countDue } from "./beacons/count-due.ts";
import { writeDatabase } from "./database.ts";
import type { Database } from "./database.ts";
import type { Bindings } from "./env.ts";
import { advance } from "./log/advance.ts";
import { assertInStep } from "./log/in-step.ts";
import { loadHeads } from "./log/queries.ts";
import { fillFolds } from "./names/queries.ts";
import { allSettled } from "./objects.ts";
import { purgeWaiting } from "./page-cache/purge-plugins.ts";
import { sweepStaged } from "./release/sweep-staged.ts";
import { maintainSearch } from "./search/maintain.ts";
import { reportExpiry } from "./trust/report-expiry.ts";
import { deliverDue } from "./webhooks/deliver.ts";

const NAMES_A_RUN = 500;
const DELIVERIES_MS = 120_000;

interface Run {
  readonly env: Bindings;
  readonly db: Database;
  readonly now: Date;
}

/**
 * By the crons of wrangler.toml: each is an invocation of its own, which may call databases and buckets
 * a thousand times, so that much waiting work of one kind holds up no other.
 */
export const JOBS: ReadonlyMap<string, (run: Run) => Promise<void>> = new Map([
  ["*/10 * * * *", show],
  ["3-59/10 * * * *", count],
  ["6-59/10 * * * *", deliver],
]);

/** Does what the cron is for; all of it for a cron that is none of them. */
export async function runCron(cron: string, env: Bindings, now: Date): Promise<void> {
  const run = { env, now, db: writeDatabase(env) };
  const job = JOBS.get(cron);
  const jobs = job === undefined ? [...JOBS.values()] : [job];
  await allSettled(jobs.map((start) => start(run)));
}

/** What a database that was set back has forgotten is neither swept away nor done a second time. */
async function inStep({ env, db }: Run): Promise<void> {
  await assertInStep(db, env.BUNDLES, await loadHeads(db));
}

async function show(run: Run): Promise<void> {
  const { env, db, now } = run;
  // That keys run out is said while all else waits, too.
  const told = reportExpiry(env, now);
  await Promise.allSettled([told]);
  await inStep(run);
  const first = [told, fillFolds(db, NAMES_A_RUN), carryOutTransfers(env, now)];
  // One that goes wrong keeps none of the others from being done.
  await Promise.allSettled(first);
  await allSettled([...first, advance(env, now), purgeWaiting(env)]);
}

async function count(run: Run): Promise<void> {
  await inStep(run);
  const { env, db, now } = run;
  const counted = countDue(env, now);
  await Promise.allSettled([counted]);
  await allSettled([counted, maintainSearch(env, db, now)]);
}

async function deliver(run: Run): Promise<void> {
  await inStep(run);
  const { env, now } = run;
  await allSettled([deliverDue(env, { ms: DELIVERIES_MS }), sweepStaged(env, now)]);
}
