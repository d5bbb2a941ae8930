import { RbsmError } from "@rising-bsm/protocol";
import type { HostOptions } from "../host-options.ts";
import {
  createScheduler,
  type ScheduleInfo,
  type ScheduledPlugin,
  type Scheduler,
} from "../schedules/scheduler.ts";
import { timezoneOf } from "../schedules/ticks.ts";
import type { HostStore } from "../store/host-store.ts";
import type { ActivePlugins } from "./active-plugins.ts";
import { notActive, type Slot, type Slots, stateOf } from "./slots.ts";

/** The schedules of the installed plugins. */
export interface PluginSchedules {
  /** From here on they run. */
  start(): void;
  /** Those of one plugin, as its manifest orders them; `plugin_not_found`. */
  list(name: string): Promise<ScheduleInfo[]>;
  /**
   * Runs one now. Throws what the plugin threw, `plugin_not_found` for a schedule that it does not
   * have, `plugin_not_active` and `conflict_state` while it runs already.
   */
  runNow(name: string, schedule: string): Promise<ScheduleInfo>;
  close: Scheduler["close"];
}

/** What running schedules works with. */
export interface PluginSchedulesParts {
  readonly options: Pick<HostOptions, "timezone" | "setTimer">;
  readonly store: HostStore;
  readonly slots: Slots;
  readonly active: ActivePlugins;
  readonly now: () => Date;
  readonly logger: { warn(message: string, fields?: Record<string, unknown>): void };
  /** Makes the jitter of this host its own. */
  readonly instance: string;
}

/** The schedules of one host. Throws `usage` for a time zone that does not exist. */
export function createPluginSchedules(parts: PluginSchedulesParts): PluginSchedules {
  const { store, slots, active, logger, instance } = parts;
  const { timezone, setTimer = setUnrefTimeout } = parts.options;
  const scheduler = createScheduler({
    store,
    logger,
    instance,
    timezone: timezoneOf(timezone),
    clock: { now: () => parts.now().getTime(), setTimer },
    active: () => slots.all().flatMap(scheduledOf),
    run: ({ plugin, name }, signal) =>
      active.call(plugin, { kind: "schedule", name, args: [], actor: null, depth: 0, signal }),
  });
  const list = async (name: string) =>
    scheduler.describe(name, slots.get(name).manifest?.schedules ?? []);
  return {
    list,
    start() {
      slots.on(() => scheduler.refresh());
      scheduler.refresh();
    },
    async runNow(name, schedule) {
      const slot = slots.get(name);
      if (stateOf(slot) !== "active") throw notActive(slot);
      if (slot.manifest?.schedules.every((one) => one.name !== schedule) !== false)
        throw new RbsmError("plugin_not_found", `${name} has no schedule ${schedule}`);
      await scheduler.runNow({ plugin: name, name: schedule });
      const info = (await list(name)).find((one) => one.name === schedule);
      if (info !== undefined) return info;
      throw new RbsmError("conflict_state", `${name} was changed while its schedule ran`);
    },
    close: () => scheduler.close(),
  };
}

/** Planned times are missed from the moment on at which the plugin became what it is. */
function scheduledOf(slot: Slot): ScheduledPlugin[] {
  const { row, manifest } = slot;
  if (manifest === null || stateOf(slot) !== "active") return [];
  const { schedules } = manifest;
  return [{ plugin: row.name, since: Date.parse(row.updatedAt), schedules }];
}

function setUnrefTimeout(work: () => void, ms: number): () => void {
  const timer = setTimeout(work, ms).unref();
  return () => clearTimeout(timer);
}
