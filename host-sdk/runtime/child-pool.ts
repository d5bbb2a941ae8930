import { CALL_LIMITS, RUNTIME_LIMITS } from "@rising-bsm/protocol";
import { setTimeout as setTimeoutPromise } from "node:timers/promises";
import type { Frame } from "./frames.ts";
import type { OpenCall } from "./open-call.ts";
import type { PluginSpec, RuntimeLogger } from "./plugin-runtime.ts";
import type { PluginSlot } from "./plugin-slot.ts";
import { startRunner, type RunnerProcess } from "./runner-process.ts";

/** A child process and what it holds. */
export interface Child {
  readonly process: RunnerProcess;
  readonly tier: string;
  /** Made for one plugin that must not share. */
  readonly owner: PluginSlot | undefined;
  /** By the id of the load. */
  readonly plugins: Map<number, PluginSlot>;
  readonly calls: Map<number, OpenCall>;
  /** Plugins whose isolates it is ending, by the id of the load: if it dies now, that is why. */
  readonly stopping: Map<number, PluginSlot>;
}

export interface ChildEvents {
  readonly logger: RuntimeLogger;
  onFrame(child: Child, frame: Frame): void;
  onEnd(child: Child): void;
}

export interface ChildPool {
  /**
   * A child with room for the plugin; started now if there is none. One that is ending an isolate
   * may end itself over it, so that is waited for.
   */
  childFor(slot: PluginSlot): Promise<Child>;
  /** Ends the child that was made for the plugin alone, if there is one. */
  release(slot: PluginSlot): void;
  /** Starts a child that the next `childFor` takes. */
  prepareSpare(): void;
  close(): Promise<void>;
}

const STANDARD_TIER = "reviewed";
const SPARE_DELAY_MS = 1_000;
const STOPPING_POLL_MS = 5;

export function createChildPool(events: ChildEvents): ChildPool {
  const children = new Set<Child>();
  let spare: Child | undefined;
  let spareTimer: NodeJS.Timeout | undefined;

  const start = (tier: string, owner?: PluginSlot): Child => {
    const runner = startRunner({
      rssCapMb: rssCap(owner),
      logger: events.logger,
      onFrame: (frame) => events.onFrame(child, frame),
      onEnd() {
        children.delete(child);
        if (spare === child) spare = undefined;
        events.onEnd(child);
      },
    });
    const child: Child = {
      process: runner,
      tier,
      owner,
      plugins: new Map(),
      calls: new Map(),
      stopping: new Map(),
    };
    children.add(child);
    return child;
  };
  const takeSpare = (tier: string): Child | undefined => {
    if (spare === undefined || tier !== STANDARD_TIER) return undefined;
    const child = spare;
    spare = undefined;
    return child;
  };
  const place = (slot: PluginSlot): Child => {
    const { tier = STANDARD_TIER } = slot.spec;
    const own = [...children].find((child) => child.owner === slot);
    if (mustBeAlone(slot)) return own ?? start(tier, slot);
    own?.process.kill();
    const shared = [...children].filter((child) => hasRoom(child, tier) && child !== spare);
    const calm = shared.find((child) => child.stopping.size === 0);
    return calm ?? takeSpare(tier) ?? shared[0] ?? start(tier);
  };
  return {
    async childFor(slot) {
      for (let child = place(slot); ; child = place(slot)) {
        if (child.stopping.size === 0) return child;
        await setTimeoutPromise(STOPPING_POLL_MS);
      }
    },
    release(slot) {
      for (const child of children) if (child.owner === slot) child.process.kill();
    },
    prepareSpare() {
      if (spare !== undefined || spareTimer !== undefined) return;
      spareTimer = setTimeout(() => {
        spareTimer = undefined;
        spare ??= start(STANDARD_TIER);
      }, SPARE_DELAY_MS);
      spareTimer.unref();
    },
    async close() {
      clearTimeout(spareTimer);
      const ending = [...children].map((child) => child.process);
      for (const process of ending) {
        process.hold(true);
        process.kill();
      }
      await Promise.all(ending.map((process) => process.ended));
    },
  };
}

/** The caps of a shared child are made for plugins of the usual size. */
function mustBeAlone({ aloneUntil, spec }: PluginSlot): boolean {
  return aloneUntil > Date.now() || memoryOf(spec) > CALL_LIMITS.memoryMb;
}

export function memoryOf({ limits }: PluginSpec): number {
  return limits?.memoryMb ?? CALL_LIMITS.memoryMb;
}

function hasRoom(child: Child, tier: string): boolean {
  return (
    child.owner === undefined &&
    child.tier === tier &&
    child.plugins.size < RUNTIME_LIMITS.isolatesPerChild
  );
}

function rssCap(owner: PluginSlot | undefined): number {
  const { rssBaseMb, rssPerIsolateMb, rssSlackMb, isolatesPerChild } = RUNTIME_LIMITS;
  const isolates = owner === undefined ? isolatesPerChild : 1;
  // V8 lets a heap grow to a multiple of its limit before it ends the isolate.
  const extra =
    owner === undefined ? 0 : 2 * Math.max(0, memoryOf(owner.spec) - CALL_LIMITS.memoryMb);
  return rssBaseMb + rssPerIsolateMb * isolates + rssSlackMb + extra;
}
