import { type ErrorCode, type Manifest, RbsmError } from "@rising-bsm/protocol";
import type { PluginRow } from "../install/rows.ts";
import type { Running } from "./running.ts";

/** What an installed plugin is doing; `revoked`: the marketplace's offline keys stopped it. */
export type PluginState = "active" | "disabled" | "failed" | "revoked";

/** Why a plugin is not active although it should be. */
export interface Problem {
  readonly code: ErrorCode;
  readonly message: string;
}

/**
 * What happened to a plugin. `activated`: enabled, or its bundle repaired. `evicted`: nobody called
 * for a while, so it was unloaded. `reloaded`: the call after that, or after a crash, loaded it again.
 * `advised`: the marketplace says something about the installed release. `update-held`: there is a
 * newer release that this host does not accept as it is. `license-…`: what the license is from now on.
 */
export type StateChange =
  | "installed"
  | "activated"
  | "disabled"
  | "failed"
  | "quarantined"
  | "revoked"
  | "advised"
  | "update-held"
  | "license-none"
  | "license-active"
  | "license-grace"
  | "license-restricted"
  | "evicted"
  | "reloaded"
  | "updated"
  | "rolled-back"
  | "uninstalled";

/** Something that happened to a plugin, and the state it is in since. */
export interface StateEvent {
  readonly plugin: string;
  readonly version: string;
  readonly state: PluginState | "uninstalled";
  readonly change: StateChange;
  /** Why it failed, what is said about it, or why it had to be loaded again. */
  readonly reason: Problem | null;
  /** ISO time. */
  readonly at: string;
}

/** One installed plugin as the host knows it now. */
export interface Slot {
  readonly row: PluginRow;
  /** Read from the verified bundle; null while that cannot be opened. */
  readonly manifest: Manifest | null;
  readonly problem: Problem | null;
  /** The version that calls reach, or its start; null until the first call. */
  readonly running: Promise<Running> | null;
}

/** Something that leaves a plugin as it is. */
type NotedChange = Extract<
  StateChange,
  "evicted" | "reloaded" | "advised" | "update-held" | `license-${string}`
>;

/** The installed plugins by name, and who wants to hear about their states. */
export interface Slots {
  /** Throws `plugin_not_found`. */
  get(name: string): Slot;
  find(name: string): Slot | undefined;
  all(): Slot[];
  /** Puts what was installed before this host started; nobody is told. */
  load(slot: Slot): void;
  /** Replaces a slot in one step and tells the listeners what that changed; `change` says it better. */
  put(name: string, slot: Slot, change?: StateChange): void;
  /** Tells the listeners about something that leaves the slot as it is. */
  note(name: string, change: NotedChange, reason: Problem | null): void;
  remove(name: string): void;
  on(listener: (event: StateEvent) => void): () => void;
}

/** State of a slot: what the administrator wants, unless something is in the way. */
export function stateOf(slot: Slot): PluginState {
  if (slot.row.wanted === "disabled") return "disabled";
  if (slot.problem === null) return "active";
  return slot.problem.code === "trust_revoked" ? "revoked" : "failed";
}

/** What the slots tell beside their contents. */
export interface SlotsOptions {
  /** Gets what a listener throws; it goes no further. */
  readonly onListenerError: (error: unknown) => void;
  readonly now: () => Date;
}

/** Empty slots. Listeners run after the change, in a turn of their own. */
export function createSlots({ onListenerError, now }: SlotsOptions): Slots {
  const slots = new Map<string, Slot>();
  const listeners = new Set<(event: StateEvent) => void>();
  const announce = (slot: Slot, told: Partial<StateEvent> & Pick<StateEvent, "change">) => {
    const event: StateEvent = {
      plugin: slot.row.name,
      version: slot.row.release.version,
      state: stateOf(slot),
      reason: slot.problem,
      at: now().toISOString(),
      ...told,
    };
    for (const listener of listeners) {
      Promise.resolve(event).then(listener).catch(onListenerError);
    }
  };
  return {
    get(name) {
      const slot = slots.get(name);
      if (slot === undefined)
        throw new RbsmError("plugin_not_found", `${name} is not installed`, { plugin: name });
      return slot;
    },
    find: (name) => slots.get(name),
    all: () => [...slots.values()].sort((a, b) => (a.row.name < b.row.name ? -1 : 1)),
    load: (slot) => void slots.set(slot.row.name, slot),
    put(name, slot, why) {
      const change = changeBetween(slots.get(name), slot);
      slots.set(name, slot);
      if (change !== null) announce(slot, { change: why ?? change });
    },
    note(name, change, reason) {
      const slot = slots.get(name);
      if (slot !== undefined) announce(slot, { change, reason });
    },
    remove(name) {
      const slot = slots.get(name);
      slots.delete(name);
      if (slot === undefined) return;
      announce(slot, { state: "uninstalled", change: "uninstalled", reason: null });
    },
    on(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

const REACHED = {
  active: "activated",
  disabled: "disabled",
  failed: "failed",
  revoked: "revoked",
} as const;

function changeBetween(before: Slot | undefined, slot: Slot): StateChange | null {
  if (before === undefined) return "installed";
  if (before.row.release.version !== slot.row.release.version) return "updated";
  const state = stateOf(slot);
  const same = JSON.stringify(before.problem) === JSON.stringify(slot.problem);
  if (stateOf(before) === state && (same || state === "disabled")) return null;
  if (state === "failed" && slot.problem?.code === "plugin_quarantined") return "quarantined";
  return REACHED[state];
}

const NOT_ACTIVE_FIX = {
  active: "Try again.",
  disabled: "Enable the plugin.",
  failed: "Enable the plugin again, or install another version.",
  revoked: "Update to a version that is not revoked, or uninstall the plugin.",
} as const;

/** The refusal of a call to a plugin that is not active. */
export function notActive(slot: Slot): RbsmError {
  const state = stateOf(slot);
  const code =
    slot.problem?.code === "plugin_quarantined" && state === "failed"
      ? "plugin_quarantined"
      : "plugin_not_active";
  const why = slot.problem === null ? "" : `: ${slot.problem.message}`;
  return new RbsmError(code, `${slot.row.name} is ${state}${why}`, {
    plugin: slot.row.name,
    state,
    ...(slot.problem === null ? {} : { reason: slot.problem }),
    fix: NOT_ACTIVE_FIX[state],
  });
}

/** What an error says about a plugin, as a value to show and store. */
export function problemOf(error: unknown): Problem {
  if (error instanceof RbsmError) return { code: error.code, message: error.message };
  return { code: "internal", message: error instanceof Error ? error.message : String(error) };
}
