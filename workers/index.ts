import { app } from "./app.ts";
import type { Bindings } from "./env.ts";
import { sweepStaged } from "./release/sweep-staged.ts";
import { repairPlugins } from "./repair.ts";
import { refreshHeads } from "./trust/publish-heads.ts";

export default {
  fetch: app.fetch,
  async scheduled(controller, env) {
    const now = new Date(controller.scheduledTime);
    await Promise.all([refreshHeads(env, now), repairPlugins(env, now), sweepStaged(env, now)]);
  },
} satisfies ExportedHandler<Bindings>;
