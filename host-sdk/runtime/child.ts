import type { OpenCall } from "./open-call.ts";
import type { PluginSlot } from "./plugin-slot.ts";
import type { RunnerProcess } from "./runner-process.ts";

/** A child process and what it holds. */
export interface Child {
  readonly process: RunnerProcess;
  /** What it holds itself to. */
  readonly rssCapMb: number;
  /** Plugins of one tier only; undefined while it is the spare one. */
  tier: string | undefined;
  /** Made for one plugin that must not share. */
  owner: PluginSlot | undefined;
  /** By the id of the load. */
  readonly plugins: Map<number, PluginSlot>;
  readonly calls: Map<number, ChildCall>;
  /** Plugins whose isolates it is ending, by the id of the load: if it dies now, that is why. */
  readonly stopping: Map<number, PluginSlot>;
  /** It has said that it is there. */
  ready: boolean;
  /** It is about to end: nothing new goes there. */
  dying: boolean;
  /** How many plugins may be to blame for its end. */
  suspects: number;
  /** Loads and calls are numbered for each child, so that it cannot know an id that is not its own. */
  lastId: number;
  /** Frames since the last heartbeat that are of no use to anybody. */
  lateFrames: number;
}

/** A call, or a load, that is open in a child. */
export interface ChildCall {
  readonly open: OpenCall;
  readonly slot: PluginSlot;
  readonly home: Home;
  /** On the clock of performance.now(). */
  readonly deadline: number;
  hostCalls: number;
}

/** Where a plugin is loaded. */
export interface Home {
  readonly child: Child;
  readonly loadId: number;
}

export function createChild(process: RunnerProcess, rssCapMb: number): Child {
  return {
    process,
    rssCapMb,
    tier: undefined,
    owner: undefined,
    plugins: new Map(),
    calls: new Map(),
    stopping: new Map(),
    ready: false,
    dying: false,
    suspects: 0,
    lastId: 0,
    lateFrames: 0,
  };
}

/** Ends a child over which nobody is to blame. */
export function endChild(child: Child): void {
  child.dying = true;
  child.process.kill();
}
