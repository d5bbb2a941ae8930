import { CALL_LIMITS, RbsmError, RUNTIME_LIMITS } from "@rising-bsm/protocol";
import { setTimeout as setTimeoutPromise } from "node:timers/promises";
import { type Child, createChild, endChild, type Home } from "./child.ts";
import type { Frame } from "./frames.ts";
import type { PluginSpec, RuntimeLogger } from "./plugin-runtime.ts";
import type { PluginSlot } from "./plugin-slot.ts";
import { findRunnerProgram, type RunnerProgram } from "./runner-program.ts";
import { startRunner } from "./runner-process.ts";

export interface PoolOptions {
  readonly logger: RuntimeLogger;
  readonly spareChild?: boolean;
  readonly program?: () => RunnerProgram;
  onFrame(child: Child, frame: Frame): void;
  onEnd(child: Child): void;
  /** The plugin leaves its child, which is ended to make room for another. */
  onMove(slot: PluginSlot): void;
}

const STANDARD_TIER = "reviewed";
const SPARE_DELAY_MS = 1_000;
const STOPPING_POLL_MS = 5;
/** Of all children, these are not for plugins that must be alone. */
const KEPT_FOR_SHARING = 2;

/** The child processes of one supervisor, and which plugin goes where. */
export class ChildPool {
  readonly #options: PoolOptions;
  readonly #children = new Set<Child>();
  #spare: Child | undefined;
  #spareTimer: NodeJS.Timeout | undefined;
  #failedStarts = 0;
  /** On the clock of performance.now(): until then no child is started. */
  #pausedUntil = 0;
  #closed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /**
   * A place for the plugin; a child is started now if there is none. One that is ending an isolate
   * may end itself over it, so that is waited for. Throws `host_busy` when all children are full, and
   * `plugin_crashed` while children cannot be started.
   */
  async homeFor(slot: PluginSlot): Promise<Home> {
    for (;;) {
      const child = this.#place(slot);
      if (child.stopping.size === 0) return settleIn(child, slot);
      await setTimeoutPromise(STOPPING_POLL_MS);
    }
  }

  /** Drops the plugin's isolate; a child that nobody comes to is ended after a while. */
  leave({ child, loadId }: Home): void {
    child.plugins.delete(loadId);
    child.process.send({ type: "unload", id: loadId, head: {}, body: "" });
    this.#endWhenEmpty(child);
  }

  /** Ends the child that was made for the plugin alone, if there is one. */
  release(slot: PluginSlot): void {
    for (const child of this.#children) if (child.owner === slot) endChild(child);
  }

  /** Starts a child that the next plugin in need of one takes. */
  prepareSpare(): void {
    if (this.#options.spareChild === false || this.#closed) return;
    if (this.#spare !== undefined || this.#spareTimer !== undefined) return;
    this.#spareTimer = setTimeout(() => {
      this.#spareTimer = undefined;
      if (performance.now() >= this.#pausedUntil) this.#spare ??= this.#start(sharedRssMb());
    }, SPARE_DELAY_MS);
    this.#spareTimer.unref();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#spareTimer);
    const ending = [...this.#children].map((child) => child.process);
    for (const process of ending) {
      process.hold(true);
      process.kill();
    }
    await Promise.all(ending.map((process) => process.ended));
  }

  /** A child became ready: what kept others from starting is over. */
  confirmStart(child: Child): void {
    child.ready = true;
    this.#failedStarts = 0;
    this.#pausedUntil = 0;
  }

  /** How long until a child may be started, in ms. */
  pauseMs(): number {
    return Math.max(0, Math.ceil(this.#pausedUntil - performance.now()));
  }

  #place(slot: PluginSlot): Child {
    if (this.#closed) throw new RbsmError("cancelled", "The runtime is closed");
    const own = this.#living().find((child) => child.owner === slot);
    if (mustBeAlone(slot)) return own ?? this.#placeAlone(slot);
    if (own !== undefined) endChild(own);
    const shared = this.#sharedWithRoom(slot);
    const calm = shared.find((child) => child.stopping.size === 0);
    return calm ?? this.#takeSpare(slot) ?? shared[0] ?? this.#startFor(slot);
  }

  #placeAlone(slot: PluginSlot): Child {
    const neededMb = aloneRssMb(slot);
    if (this.#isFullOfLoners() && !this.#freeOne(slot)) return this.#shareAfterAll(slot);
    const fits = (this.#spare?.rssCapMb ?? 0) >= neededMb;
    const child =
      (fits ? this.#takeSpare(slot) : undefined) ?? this.#start(neededMb, slot.spec.tier);
    child.owner = slot;
    return child;
  }

  /** Better than not running, unless the plugin is larger than the others' share. */
  #shareAfterAll(slot: PluginSlot): Child {
    if (memoryOf(slot.spec) > CALL_LIMITS.memoryMb) throw noRoom();
    const [shared] = this.#sharedWithRoom(slot).sort((a, b) => a.plugins.size - b.plugins.size);
    return shared ?? this.#startFor(slot);
  }

  #startFor({ spec }: PluginSlot): Child {
    if (this.#isFull()) throw noRoom();
    return this.#start(sharedRssMb(), spec.tier);
  }

  #takeSpare({ spec }: PluginSlot): Child | undefined {
    const child = this.#spare;
    if (child === undefined || this.#isFull()) return undefined;
    this.#spare = undefined;
    child.tier = spec.tier ?? STANDARD_TIER;
    this.prepareSpare();
    return child;
  }

  /**
   * Takes a child of its own from a plugin that was suspected less often than this one: many who
   * were only near a crash cannot keep the one who causes them among others.
   */
  #freeOne(slot: PluginSlot): boolean {
    const [child] = this.#living()
      .filter(({ owner }) => owner !== undefined && mayShareAgain(owner, slot))
      .sort((a, b) => suspicionsOf(a) - suspicionsOf(b));
    if (child?.owner === undefined) return false;
    child.owner.aloneUntil = 0;
    this.#options.onMove(child.owner);
    endChild(child);
    return true;
  }

  #living(): Child[] {
    return [...this.#children].filter((child) => !child.dying && child !== this.#spare);
  }

  #isFull(): boolean {
    return this.#living().length >= RUNTIME_LIMITS.children;
  }

  #isFullOfLoners(): boolean {
    const loners = this.#living().filter((child) => child.owner !== undefined);
    return this.#isFull() || loners.length >= RUNTIME_LIMITS.children - KEPT_FOR_SHARING;
  }

  #sharedWithRoom({ spec: { tier = STANDARD_TIER } }: PluginSlot): Child[] {
    return this.#living().filter(
      (child) =>
        child.owner === undefined &&
        child.tier === tier &&
        child.plugins.size < RUNTIME_LIMITS.isolatesPerChild,
    );
  }

  #endWhenEmpty(child: Child): void {
    if (child.plugins.size > 0 || child.dying) return;
    const end = () => {
      if (child.plugins.size === 0 && child.calls.size === 0) endChild(child);
    };
    setTimeout(end, RUNTIME_LIMITS.emptyChildMs).unref();
  }

  #start(rssCapMb: number, tier: string = STANDARD_TIER): Child {
    if (this.pauseMs() > 0) throw notStarting(this.pauseMs());
    const { logger, program = findRunnerProgram } = this.#options;
    const process = startRunner({
      program: program(),
      rssCapMb,
      logger,
      onFrame: (frame) => this.#options.onFrame(child, frame),
      onBeat: () => (child.lateFrames = 0),
      onEnd: () => this.#afterEnd(child),
    });
    const child = createChild(process, rssCapMb);
    child.tier = tier;
    this.#children.add(child);
    return child;
  }

  #afterEnd(child: Child): void {
    this.#children.delete(child);
    const wasSpare = this.#spare === child;
    if (wasSpare) this.#spare = undefined;
    if (!child.ready && !child.dying && !this.#closed) this.#pauseStarts();
    else if (wasSpare) this.prepareSpare();
    this.#options.onEnd(child);
  }

  /** The pause grows, but has an end: whoever calls after it finds out whether the fault is gone. */
  #pauseStarts(): void {
    const { startPauseMs, startPauseMaxMs } = RUNTIME_LIMITS;
    const pauseMs = Math.min(startPauseMs * 2 ** this.#failedStarts, startPauseMaxMs);
    this.#failedStarts += 1;
    this.#pausedUntil = performance.now() + pauseMs;
    this.#options.logger.warn("A plugin process ended before it was ready", { pauseMs });
  }
}

/** The place is taken at once: of many that load at the same time each counts. */
function settleIn(child: Child, slot: PluginSlot): Home {
  const loadId = (child.lastId += 1);
  child.plugins.set(loadId, slot);
  return { child, loadId };
}

/** The caps of a shared child are made for plugins of the usual size. */
function mustBeAlone({ aloneUntil, spec }: PluginSlot): boolean {
  return aloneUntil > performance.now() || memoryOf(spec) > CALL_LIMITS.memoryMb;
}

function mayShareAgain(owner: PluginSlot, other: PluginSlot): boolean {
  const isSmall = memoryOf(owner.spec) <= CALL_LIMITS.memoryMb;
  const isIdle = owner.openCalls === 0 && owner.calls.size === 0;
  return isSmall && isIdle && owner.suspicions.length < other.suspicions.length;
}

function suspicionsOf({ owner }: Child): number {
  return owner?.suspicions.length ?? 0;
}

export function memoryOf({ limits }: PluginSpec): number {
  return Math.max(limits?.memoryMb ?? CALL_LIMITS.memoryMb, RUNTIME_LIMITS.memoryMinMb);
}

function sharedRssMb(): number {
  const { rssBaseMb, rssPerIsolateMb, rssSlackMb, isolatesPerChild } = RUNTIME_LIMITS;
  return rssBaseMb + rssPerIsolateMb * isolatesPerChild + rssSlackMb;
}

function aloneRssMb({ spec }: PluginSlot): number {
  const { rssBaseMb, rssPerIsolateMb, rssSlackMb } = RUNTIME_LIMITS;
  // V8 lets a heap grow to a multiple of its limit before it ends the isolate.
  const extraMb = 2 * Math.max(0, memoryOf(spec) - CALL_LIMITS.memoryMb);
  return rssBaseMb + rssPerIsolateMb + rssSlackMb + extraMb;
}

function noRoom(): RbsmError {
  return new RbsmError("host_busy", `All ${RUNTIME_LIMITS.children} plugin processes are in use`);
}

/** `retryAfterMs` tells it from a crash: there was no process that could have been ended. */
export function notStarting(retryAfterMs: number): RbsmError {
  return new RbsmError("plugin_crashed", "The process for plugins does not start", {
    collateral: true,
    retryAfterMs,
    fix: "Run `rising-bsm doctor` on the machine of the host.",
  });
}
