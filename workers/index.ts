import { app } from "./app.ts";
import type { Bindings } from "./env.ts";
import { advance } from "./log/advance.ts";
import { sweepStaged } from "./release/sweep-staged.ts";
import { reportExpiry } from "./trust/report-expiry.ts";

export default {
  fetch: app.fetch,
  async scheduled(controller, env) {
    const now = new Date(controller.scheduledTime);
    await Promise.all([advance(env, now), sweepStaged(env, now), reportExpiry(env, now)]);
  },
} satisfies ExportedHandler<Bindings>;
