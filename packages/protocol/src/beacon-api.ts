import { z } from "zod";
import { BEACON_LIMITS } from "./limits.ts";
import { pluginNameSchema } from "./plugin-name.ts";
import { versionSchema } from "./statements.ts";

/** One plugin that an instance has. */
const installedSchema = z.strictObject({ name: pluginNameSchema, version: versionSchema });

/**
 * `POST /v1/beacons`, signed by the instance: its public plugins, each once, whether they are switched
 * on or not. `day` is the day of it in UTC.
 */
export const beaconSchema = z.strictObject({
  day: z.iso.date(),
  plugins: z
    .array(installedSchema)
    .max(BEACON_LIMITS.plugins)
    .refine((plugins) => new Set(plugins.map(({ name }) => name)).size === plugins.length, {
      error: "names a plugin twice",
    }),
});

/** What an instance reports once a day. */
export type Beacon = z.output<typeof beaconSchema>;
