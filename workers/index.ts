import { carryOutTransfers } from "./accounts/carry-out-transfers.ts";
import { app } from "./app.ts";
import { writeDatabase } from "./database.ts";
import type { Bindings } from "./env.ts";
import { advance } from "./log/advance.ts";
import { fillFolds } from "./names/queries.ts";
import { sweepStaged } from "./release/sweep-staged.ts";
import { reportExpiry } from "./trust/report-expiry.ts";

const NAMES_A_RUN = 500;

export default {
  fetch: app.fetch,
  async scheduled(controller, env) {
    const now = new Date(controller.scheduledTime);
    await fillFolds(writeDatabase(env), NAMES_A_RUN);
    await carryOutTransfers(env, now);
    await Promise.all([advance(env, now), sweepStaged(env, now), reportExpiry(env, now)]);
  },
} satisfies ExportedHandler<Bindings>;
