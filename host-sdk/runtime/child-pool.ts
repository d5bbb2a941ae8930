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
  /** It has said that it ends itself: nothing new goes there. */
  dying: boolean;
  /** How many plugins may be to blame for its end. */
  suspects: number;
}

export interface ChildEvents {
  readonly logger: RuntimeLogger;
  onFrame(child: Child, frame: Frame): void;
  onEnd(child: Child): void;
}

const STANDARD_TIER = "reviewed";
const SPARE_DELAY_MS = 1_000;
const STOPPING_POLL_MS = 5;

/** The child processes of one supervisor. */
export class ChildPool {
  readonly #events: ChildEvents;
  readonly #children = new Set<Child>();
  #spare: Child | undefined;
  #spareTimer: NodeJS.Timeout | undefined;

  constructor(events: ChildEvents) {
    this.#events = events;
  }

  /**
   * A child with room for the plugin; started now if there is none. One that is ending an isolate
   * may end itself over it, so that is waited for.
   */
  async childFor(slot: PluginSlot): Promise<Child> {
    for (let child = this.#place(slot); ; child = this.#place(slot)) {
      if (child.stopping.size === 0) return child;
      await setTimeoutPromise(STOPPING_POLL_MS);
    }
  }

  /** Ends the child that was made for the plugin alone, if there is one. */
  release(slot: PluginSlot): void {
    for (const child of this.#children) if (child.owner === slot) child.process.kill();
  }

  /** Starts a child that the next `childFor` takes. */
  prepareSpare(): void {
    if (this.#spare !== undefined || this.#spareTimer !== undefined) return;
    this.#spareTimer = setTimeout(() => {
      this.#spareTimer = undefined;
      this.#spare ??= this.#start(STANDARD_TIER);
    }, SPARE_DELAY_MS);
    this.#spareTimer.unref();
  }

  async close(): Promise<void> {
    clearTimeout(this.#spareTimer);
    const ending = [...this.#children].map((child) => child.process);
    for (const process of ending) {
      process.hold(true);
      process.kill();
    }
    await Promise.all(ending.map((process) => process.ended));
  }

  #place(slot: PluginSlot): Child {
    const { tier = STANDARD_TIER } = slot.spec;
    const own = [...this.#children].find((child) => child.owner === slot && !child.dying);
    if (mustBeAlone(slot)) return own ?? this.#start(tier, slot);
    own?.process.kill();
    const shared = [...this.#children].filter(
      (child) => hasRoom(child, tier) && child !== this.#spare,
    );
    const calm = shared.find((child) => child.stopping.size === 0);
    return calm ?? this.#takeSpare(tier) ?? shared[0] ?? this.#start(tier);
  }

  #takeSpare(tier: string): Child | undefined {
    if (tier !== STANDARD_TIER) return undefined;
    const child = this.#spare;
    this.#spare = undefined;
    return child;
  }

  #start(tier: string, owner?: PluginSlot): Child {
    const process = startRunner({
      rssCapMb: rssCap(owner),
      logger: this.#events.logger,
      onFrame: (frame) => this.#events.onFrame(child, frame),
      onEnd: () => {
        this.#children.delete(child);
        if (this.#spare === child) this.#spare = undefined;
        this.#events.onEnd(child);
      },
    });
    const plugins: Child["plugins"] = new Map();
    const child: Child = {
      process,
      tier,
      owner,
      plugins,
      calls: new Map(),
      stopping: new Map(),
      dying: false,
      suspects: 0,
    };
    this.#children.add(child);
    return child;
  }
}

/** The caps of a shared child are made for plugins of the usual size. */
function mustBeAlone({ aloneUntil, spec }: PluginSlot): boolean {
  return aloneUntil > Date.now() || memoryOf(spec) > CALL_LIMITS.memoryMb;
}

export function memoryOf({ limits }: PluginSpec): number {
  return Math.max(limits?.memoryMb ?? CALL_LIMITS.memoryMb, RUNTIME_LIMITS.memoryMinMb);
}

function hasRoom(child: Child, tier: string): boolean {
  return (
    child.owner === undefined &&
    !child.dying &&
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
