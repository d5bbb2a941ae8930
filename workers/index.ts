import { respond } from "./app.ts";
import { runCron } from "./cron.ts";
import type { Bindings } from "./env.ts";

export default {
  fetch: respond,
  scheduled: (controller, env) => runCron(controller.cron, env, new Date(controller.scheduledTime)),
} satisfies ExportedHandler<Bindings>;
