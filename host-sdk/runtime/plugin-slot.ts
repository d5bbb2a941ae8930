import { type CallStats, createStats } from "./call-stats.ts";
import type { Home } from "./child.ts";
import type { OpenCall } from "./open-call.ts";
import type { PluginData, PluginShape, PluginSpec } from "./plugin-runtime.ts";

/** What the supervisor knows of one plugin. Times are on the clock of performance.now(). */
export interface PluginSlot {
  readonly spec: PluginSpec;
  data: PluginData;
  /** Where it is loaded now; undefined until it is, and after its isolate was lost. */
  home: Home | undefined;
  loading: Promise<PluginShape> | undefined;
  /** What `onActivate` was called with; repeated when the plugin has to be loaded again. */
  activation: { readonly context: unknown } | undefined;
  /** What a child has been asked for it and has not answered: calls and the load. */
  readonly calls: Set<OpenCall>;
  /** Calls that the host waits for. */
  openCalls: number;
  lastCallAt: number;
  idleTimer: NodeJS.Timeout | undefined;
  /** Until then it shares a child with nobody. */
  aloneUntil: number;
  /** When it was one of those who may have ended a child. */
  suspicions: readonly number[];
  /** When it ended a child of its own. */
  crashes: readonly number[];
  quarantined: boolean;
  /** The code of every call from now on: it was unloaded, or the runtime closed. */
  gone: "plugin_not_active" | "cancelled" | undefined;
  readonly stats: CallStats;
}

export function createSlot(spec: PluginSpec): PluginSlot {
  return {
    spec,
    data: { config: spec.config, license: spec.license },
    home: undefined,
    loading: undefined,
    activation: undefined,
    calls: new Set(),
    openCalls: 0,
    lastCallAt: performance.now(),
    idleTimer: undefined,
    aloneUntil: 0,
    suspicions: [],
    crashes: [],
    quarantined: false,
    gone: undefined,
    stats: createStats(),
  };
}
