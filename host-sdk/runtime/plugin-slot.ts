import type { Child } from "./child-pool.ts";
import type { OpenCall } from "./open-call.ts";
import type { PluginData, PluginShape, PluginSpec } from "./plugin-runtime.ts";

/** What the supervisor knows of one plugin. */
export interface PluginSlot {
  readonly spec: PluginSpec;
  data: PluginData;
  /** Where it is loaded now; undefined until it is, and after its isolate was lost. */
  home: { readonly child: Child; readonly loadId: number } | undefined;
  loading: Promise<PluginShape> | undefined;
  /** What `onActivate` was called with; repeated when the plugin has to be loaded again. */
  activation: { readonly context: unknown } | undefined;
  readonly calls: Set<OpenCall>;
  /** On the clock of Date.now(): until then it shares a child with nobody. */
  aloneUntil: number;
  crashes: readonly number[];
  quarantined: boolean;
  unloaded: boolean;
  readonly totals: { calls: number; failures: number; cpuMs: number; loads: number };
}

export function createSlot(spec: PluginSpec): PluginSlot {
  return {
    spec,
    data: { config: spec.config, license: spec.license },
    home: undefined,
    loading: undefined,
    activation: undefined,
    calls: new Set(),
    aloneUntil: 0,
    crashes: [],
    quarantined: false,
    unloaded: false,
    totals: { calls: 0, failures: 0, cpuMs: 0, loads: 0 },
  };
}
