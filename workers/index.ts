import { carryOutTransfers } from "./accounts/carry-out-transfers.ts";
import { respond } from "./app.ts";
import { countDue } from "./beacons/count-due.ts";
import { writeDatabase } from "./database.ts";
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

export default {
  fetch: respond,
  async scheduled(controller, env) {
    const now = new Date(controller.scheduledTime);
    const db = writeDatabase(env);
    await reportExpiry(env, now);
    // What a database that was set back has forgotten is neither swept away nor done a second time.
    await assertInStep(db, env.BUNDLES, await loadHeads(db));
    const first = [fillFolds(db, NAMES_A_RUN), carryOutTransfers(env, now), countDue(env, now)];
    // One that goes wrong keeps none of the others from being done.
    await Promise.allSettled(first);
    const rest = [
      advance(env, now),
      sweepStaged(env, now),
      deliverDue(env, { ms: DELIVERIES_MS }),
      purgeWaiting(env),
      maintainSearch(env, db, now),
    ];
    await allSettled([...first, ...rest]);
  },
} satisfies ExportedHandler<Bindings>;
