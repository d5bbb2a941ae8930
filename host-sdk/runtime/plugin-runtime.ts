import type { Json } from "@rising-bsm/protocol";

/**
 * The seam between the host and whatever runs plugin code. The supervisor (isolated-vm in child
 * processes) is its first implementation; nothing above this file knows how a plugin is contained.
 *
 * Order of a plugin's life: `loadPlugin` → `onInstall` once → `onActivate` → any calls →
 * `onDeactivate` → `unloadPlugin`. Lifecycle functions are ordinary calls of kind "lifecycle": the
 * runtime never starts one by itself, with one exception. When an isolate is lost (a limit, a
 * crash) or evicted, the next call reloads the plugin and first repeats the last successful
 * `onActivate` with the context that was given then.
 */
export interface PluginRuntime {
  /**
   * Starts an isolate, evaluates `main` and makes the plugin object. Fails with `plugin_threw`,
   * `limit_*` or `plugin_crashed`; then nothing stays loaded. An id that is loaded already is
   * `conflict_state`: a new version is loaded beside the old one under another id.
   */
  loadPlugin(spec: PluginSpec): Promise<PluginShape>;
  /** Runs one function of the plugin. Every refusal is an RbsmError; see {@link CallFailure}. */
  executePlugin(id: string, call: PluginCall): Promise<CallOutcome>;
  /** Replaces what `api.config` and `api.license` answer from the next call on. */
  updatePlugin(id: string, data: PluginData): Promise<void>;
  /** Drops the isolate. Open calls fail with `plugin_not_active`. Unknown ids are ignored. */
  unloadPlugin(id: string): Promise<void>;
  /** What the plugin used since it was loaded; undefined when it is not loaded. */
  usage(id: string): PluginUsage | undefined;
  /** Calls `listener` on every change of a plugin's state; returns the function that stops it. */
  on(event: "state", listener: (event: RuntimeEvent) => void): () => void;
  /** Ends every child process. Open calls fail with `cancelled`. */
  close(): Promise<void>;
}

/** What plugin code can read synchronously: copied into the isolate, never shared. */
export interface PluginData {
  /** Becomes `api.config`. */
  readonly config: Json;
  /** Becomes `api.license`: `has(e)` looks into `entitlements`, `info()` answers `info`. */
  readonly license: { readonly entitlements: readonly string[]; readonly info: Json };
}

/** One plugin version, as verified and granted: what `loadPlugin` needs. */
export interface PluginSpec extends PluginData {
  /** Names this load in every later call; the host may use `@acme/hello@1.2.0`. */
  readonly id: string;
  readonly name: string;
  readonly version: string;
  /** Path of the entry module inside `files`. */
  readonly main: string;
  /** The files of the verified bundle. Only .js, .mjs and .json files reach the isolate. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** What the administrator granted beyond the defaults of CALL_LIMITS. */
  readonly limits?: {
    readonly cpuMs?: number;
    readonly wallMs?: number;
    readonly memoryMb?: number;
  };
  /** The most that any call gets which does not say itself what it needs; also below the defaults. */
  readonly ceiling?: { readonly cpuMs?: number; readonly wallMs?: number };
  /** Plugins of different tiers never share a process. Default "reviewed". */
  readonly tier?: "system" | "reviewed" | "sideloaded";
  /**
   * Names of the methods and hooks that may run twice: a call of one that is lost because of another
   * call is made again, once, in the time it has left.
   */
  readonly idempotent?: readonly string[];
  /** After this many ms without an open call the isolate is dropped. Default 600,000; 0 is never. */
  readonly idleMs?: number;
}

/** What the plugin object turned out to offer. */
export interface PluginShape {
  readonly methods: readonly string[];
  readonly hooks: readonly string[];
  readonly schedules: readonly string[];
  readonly lifecycle: readonly string[];
  readonly handlesRequests: boolean;
}

/** One call of one function of a plugin. */
export interface PluginCall {
  readonly kind: "method" | "request" | "hook" | "lifecycle" | "schedule";
  /**
   * Name of the method, event, lifecycle function or schedule; not read for "request". A lifecycle
   * function that the plugin does not have is a success with result null; any other missing
   * function is `plugin_not_found`.
   */
  readonly name: string;
  /** For "request" the one argument is a {@link RequestMessage}. */
  readonly args: readonly Json[];
  /** Wall time in ms instead of the default of the kind; counted from this call. */
  readonly deadlineMs?: number;
  /** CPU time in ms instead of the default of the kind. */
  readonly cpuMs?: number;
  readonly signal?: AbortSignal;
  /** Handed to `onHostCall` untouched with every host call that this call makes. */
  readonly context: unknown;
}

/** A Web Request as it crosses: the body in base64. */
export interface RequestMessage {
  readonly method: string;
  readonly url: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string | null;
}

/** A Web Response as it crosses: the result of a call of kind "request". */
export interface ResponseMessage {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string | null;
}

/** What one call took. */
export interface CallUsage {
  readonly wallMs: number;
  /** CPU of the plugin's isolate in this call, continuations after an `await` included. */
  readonly cpuMs: number;
  /** Highest RSS of the child process that was seen during the call. */
  readonly peakRssMb: number;
}

/** What a call that succeeded gives. */
export interface CallOutcome {
  readonly result: Json;
  readonly usage: CallUsage;
  readonly logs: readonly LogEntry[];
}

/**
 * `detail` of the RbsmError of a failed call. `collateral` says that another call caused the end of
 * the isolate or process; `stack` holds plugin frames only.
 */
export interface CallFailure {
  readonly usage?: CallUsage;
  readonly collateral?: boolean;
  readonly name?: string;
  readonly stack?: string;
}

/** Levels of a plugin's log, the least important first. */
export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;

/** One line that plugin code logged. */
export interface LogEntry {
  readonly level: (typeof LOG_LEVELS)[number];
  readonly message: string;
  readonly fields?: Json;
}

/** Sums over a plugin since it was loaded. */
export interface PluginUsage {
  readonly calls: number;
  readonly failures: number;
  readonly openCalls: number;
  readonly cpuMs: number;
  /** Times the isolate had to be made again. */
  readonly reloads: number;
  /** Wall time of the last 1,000 calls in ms: the median, and what 99 of 100 stay below. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** How many calls a limit or a crash ended, by the code they failed with. */
  readonly stopped: Readonly<Record<string, number>>;
  /** Calls that were made a second time because another call ended their process. */
  readonly retried: number;
  /** Times the isolate was dropped because nobody called. */
  readonly evictions: number;
  /** RSS of the child that holds the plugin over its plugins, as last seen; 0 without an isolate. */
  readonly rssMb: number;
  /** Process id of the child that holds the plugin now. */
  readonly pid: number | undefined;
}

/** A change of a plugin's state inside the runtime. */
export interface RuntimeEvent {
  readonly plugin: string;
  /**
   * loaded: ready for calls. lost: the isolate or its process ended, the next call reloads it.
   * evicted: nobody called for a while, the next call reloads it.
   * quarantined: three crashes in a child of its own within ten minutes. unloaded: gone.
   */
  readonly state: "loaded" | "lost" | "evicted" | "quarantined" | "unloaded";
  /** Why, as an error code. */
  readonly code?: string;
}

/** What the runtime asks of the host. */
export interface RuntimeHost {
  /**
   * Serves one host call of a plugin (`storage.get`, `customers.list`, `plugins.call`, `fetch`, …).
   * An RbsmError crosses to the plugin as `{code, message}`; any other error as `internal`.
   */
  onHostCall(pluginId: string, context: unknown, call: HostCall): Promise<Json>;
  /** `context` is that of the call which wrote the line. */
  onLog(pluginId: string, entry: LogEntry, context: unknown): void;
  readonly logger: RuntimeLogger;
}

/** One thing a plugin asks the host for. */
export interface HostCall {
  readonly method: string;
  readonly args: Json[];
  /** Aborted when the plugin's call is over and nobody waits for the answer. */
  readonly signal: AbortSignal;
  /** End of the plugin call's wall time, on the clock of performance.now(). */
  readonly deadline: number;
}

/** Where the runtime reports what an operator should know. */
export interface RuntimeLogger {
  warn(message: string, fields?: Record<string, unknown>): void;
}
