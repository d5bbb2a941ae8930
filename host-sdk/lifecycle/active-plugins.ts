import { type Bundle, type Manifest, RbsmError } from "@rising-bsm/protocol";
import type { BundleFolder } from "../install/bundle-folder.ts";
import { revokedError } from "../install/revoked.ts";
import type { PluginRow } from "../install/rows.ts";
import type {
  CallOutcome,
  PluginCall,
  PluginData,
  PluginRuntime,
} from "../runtime/plugin-runtime.ts";
import type { Actor } from "./actor.ts";
import { effectiveConfig } from "../settings/check-config.ts";
import { type AllowedLimits, grantedLimits, storageBytesOf } from "./granted-limits.ts";
import { disablingOf, type Revocations, stoppedBy } from "./revocations.ts";
import {
  contextOf,
  type Goodbye,
  launch,
  type Launch,
  type Reach,
  retire,
  type Running,
  runCall,
  whileOpen,
} from "./running.ts";
import { notActive, problemOf, type Slot, type Slots, type StateChange, stateOf } from "./slots.ts";

/** Failures of a start that say nothing about the plugin: the next call tries again. */
const PASSING = ["host_busy", "cancelled", "plugin_crashed", "conflict_locked", "disk_full"];

/** What starting and calling plugins works with. */
export interface ActiveParts {
  readonly runtime: PluginRuntime;
  readonly bundles: Pick<BundleFolder, "open">;
  readonly slots: Slots;
  /** What stops a release whatever its administrator wants. */
  readonly revocations: Pick<Revocations, "of">;
  /** What a plugin's license allows at this moment. */
  readonly licenseOf: (row: PluginRow) => PluginData["license"];
  /** The most that a plugin gets, whatever its manifest asks for under `limits`. */
  readonly limits: AllowedLimits;
  /** How long a plugin that nobody calls stays loaded; the runtime's default when undefined. */
  readonly idleMs?: number | undefined;
}

/** One call of an installed plugin. */
export interface PluginRequest extends Pick<
  PluginCall,
  "kind" | "name" | "args" | "deadlineMs" | "cpuMs" | "signal"
> {
  readonly actor: Actor | null;
  /** How many plugins have called each other to get here. */
  readonly depth: number;
  /** Which version of the plugin is meant; the active one when left out. */
  readonly reach?: Reach;
}

/** Starts installed plugins when they are first needed and passes calls to the active version. */
export interface ActivePlugins {
  readonly reach: Reach;
  call(name: string, request: PluginRequest): Promise<CallOutcome>;
  /** Starts a version that is not installed yet, or a rollback's; the caller decides when it takes over. */
  start(order: StartVersion): Promise<Running>;
  /** Puts a stored plugin and its running version in place of the old one, which drains in the background. */
  replace(slot: Slot, change?: StateChange): void;
  /** Takes a plugin out of reach (`next` null: for ever), lets it finish and says goodbye to it. */
  stop(name: string, next: Slot | null): Promise<void>;
  /** Refuses calls of a plugin that is about to be disabled, until the result is called. */
  hold(name: string): () => void;
  /** Ends a version that will not be used. */
  readonly abandon: (running: Running) => Promise<void>;
  /** Name of the plugin behind an id of the runtime. */
  nameOf(id: string): string;
  /** Waits for every version that is still draining. */
  settle(): Promise<void>;
}

/** One version to start. */
export interface StartVersion {
  readonly row: PluginRow;
  readonly bundle: Bundle;
  readonly first: Launch["first"];
  readonly reach: Reach;
}

/** The active plugins of one host. */
export function createActivePlugins(parts: ActiveParts): ActivePlugins {
  const { runtime, slots } = parts;
  const draining = new Set<Promise<unknown>>();
  const held = new Set<string>();
  const pushed = new WeakMap<Running, string>();

  const start = async (order: StartVersion) => {
    refuseRevoked(parts, order.row);
    const data = dataOf(parts, order.row, order.bundle.manifest);
    const running = await launch(runtime, launchOf(parts, order, data));
    pushed.set(running, JSON.stringify(data));
    return running;
  };
  const reach: Reach = async (name) => {
    const slot = slots.get(name);
    refuseInactive(parts, slot, held.has(name));
    return slot.running ?? startFromDisk({ ...parts, start, reach }, slot);
  };
  const drain = (slot: Slot | undefined, goodbyes: readonly Goodbye[]) => {
    if (slot?.running == null) return Promise.resolve();
    const done = slot.running.then(
      (running) => retire(runtime, running, { goodbyes, reach }),
      () => null,
    );
    draining.add(done);
    return done.finally(() => draining.delete(done));
  };
  return {
    reach,
    start,
    hold: (name) => (held.add(name), () => void held.delete(name)),
    abandon: (running) => runtime.unloadPlugin(running.id),
    nameOf: (id) => id.slice(0, id.lastIndexOf("@")),
    settle: async () => void (await Promise.all(draining)),
    async call(name, request) {
      const running = await (request.reach ?? reach)(name);
      const { actor, depth, reach: asked = reach, ...call } = request;
      return whileOpen(running, async () => {
        await freshen(parts, pushed, running);
        const context = contextOf(running, { actor, depth, reach: asked });
        return runCall(runtime, running, { ...call, context });
      });
    },
    replace(slot, change) {
      const before = slots.find(slot.row.name);
      slots.put(slot.row.name, slot, change);
      slot.running?.then(
        ({ trial }) => (trial.over = true),
        () => undefined,
      );
      void drain(before, ["onDeactivate"]);
    },
    async stop(name, next) {
      const before = slots.get(name);
      if (next === null) slots.remove(name);
      else slots.put(name, next);
      await drain(before, next === null ? ["onDeactivate", "onUninstall"] : ["onDeactivate"]);
    },
  };
}

function refuseInactive({ revocations }: ActiveParts, slot: Slot, isHeld: boolean): void {
  if (stateOf(slot) !== "active") throw notActive(slot);
  if (isHeld) throw notActive({ ...slot, row: { ...slot.row, wanted: "disabled" } });
  // An operation that began before a revocation may have put an older view of the plugin in place.
  const problem = stoppedBy(revocations, slot.row);
  if (problem !== undefined) throw notActive({ ...slot, problem });
}

function refuseRevoked({ revocations }: ActiveParts, row: PluginRow): void {
  const entry = disablingOf(revocations, row);
  if (entry !== undefined) throw revokedError(row.name, row.release.version, entry);
}

function dataOf(parts: ActiveParts, row: PluginRow, manifest: Manifest): PluginData {
  return {
    config: configOf(manifest, row),
    license: parts.licenseOf(row),
  };
}

const effective = new WeakMap<
  Manifest,
  { entered: PluginRow["config"]; config: PluginData["config"] }
>();

/** Checking settings takes time that the plugin's form decides on: once, not with each call. */
function configOf(manifest: Manifest, { config: entered }: PluginRow): PluginData["config"] {
  const known = effective.get(manifest);
  if (known?.entered === entered) return known.config;
  const config = { ...effectiveConfig(manifest.config, entered) };
  effective.set(manifest, { entered, config });
  return config;
}

function launchOf(
  parts: ActiveParts,
  { row, bundle, first, reach }: StartVersion,
  data: PluginData,
): Launch {
  return {
    release: row.release,
    bundle,
    data,
    allowance: grantedLimits(bundle.manifest.limits, parts.limits),
    storageBytes: storageBytesOf(bundle.manifest.limits, parts.limits),
    tier: row.source === "sideload" ? "sideloaded" : "reviewed",
    idleMs: parts.idleMs,
    first,
    reach,
  };
}

/** License and settings can change while a plugin runs; it must not see the old ones. */
async function freshen(
  parts: ActiveParts,
  pushed: WeakMap<Running, string>,
  running: Running,
): Promise<void> {
  const slot = parts.slots.find(running.name);
  if (slot === undefined) return;
  const data = dataOf(parts, slot.row, running.manifest);
  const text = JSON.stringify(data);
  if (pushed.get(running) === text) return;
  await parts.runtime.updatePlugin(running.id, data);
  pushed.set(running, text);
}

type Starter = ActiveParts & Pick<ActivePlugins, "start" | "reach">;

/** Concurrent first calls share one start; a start that fails for good makes the plugin `failed`. */
function startFromDisk(parts: Starter, slot: Slot): Promise<Running> {
  const { name } = slot.row;
  const starting = openAndStart(parts, slot.row);
  parts.slots.put(name, { ...slot, running: starting });
  starting.catch((error: unknown) => {
    const now = parts.slots.find(name);
    if (now?.running !== starting) return;
    const passing = error instanceof RbsmError && PASSING.includes(error.code);
    parts.slots.put(name, { ...now, running: null, problem: passing ? null : problemOf(error) });
  });
  return starting;
}

async function openAndStart(parts: Starter, row: PluginRow): Promise<Running> {
  const bundle = await parts.bundles.open(row.release);
  return parts.start({ row, bundle, first: null, reach: parts.reach });
}
