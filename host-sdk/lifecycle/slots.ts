import { type ErrorCode, type Manifest, RbsmError } from "@rising-bsm/protocol";
import type { PluginRow } from "../install/rows.ts";
import type { Running } from "./running.ts";

/** What an installed plugin is doing. */
export type PluginState = "active" | "disabled" | "failed";

/** Why a plugin is not active although it should be. */
export interface Problem {
  readonly code: ErrorCode;
  readonly message: string;
}

/** A change of a plugin's state, or its removal. */
export interface StateEvent {
  readonly plugin: string;
  readonly version: string;
  readonly state: PluginState | "uninstalled";
  readonly reason: Problem | null;
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

/** The installed plugins by name, and who wants to hear about their states. */
export interface Slots {
  /** Throws `plugin_not_found`. */
  get(name: string): Slot;
  find(name: string): Slot | undefined;
  all(): Slot[];
  /** Replaces a slot in one step and tells the listeners when its state changed. */
  put(name: string, slot: Slot): void;
  remove(name: string): void;
  on(listener: (event: StateEvent) => void): () => void;
}

/** State of a slot: what the administrator wants, unless something is in the way. */
export function stateOf(slot: Slot): PluginState {
  if (slot.row.wanted === "disabled") return "disabled";
  return slot.problem === null ? "active" : "failed";
}

/** Empty slots. Listeners run after the change; what one throws goes to `onListenerError` and no further. */
export function createSlots(onListenerError: (error: unknown) => void): Slots {
  const slots = new Map<string, Slot>();
  const listeners = new Set<(event: StateEvent) => void>();
  const announce = (event: StateEvent) => {
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
    put(name, slot) {
      const before = slots.get(name);
      slots.set(name, slot);
      const event = eventOf(slot);
      if (before === undefined || JSON.stringify(eventOf(before)) !== JSON.stringify(event))
        announce(event);
    },
    remove(name) {
      const slot = slots.get(name);
      slots.delete(name);
      if (slot !== undefined) announce({ ...eventOf(slot), state: "uninstalled", reason: null });
    },
    on(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

function eventOf(slot: Slot): StateEvent {
  return {
    plugin: slot.row.name,
    version: slot.row.release.version,
    state: stateOf(slot),
    reason: slot.problem,
  };
}

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
    fix:
      state === "disabled"
        ? "Enable the plugin."
        : "Enable the plugin again, or install another version.",
  });
}

/** What an error says about a plugin, as a value to show and store. */
export function problemOf(error: unknown): Problem {
  if (error instanceof RbsmError) return { code: error.code, message: error.message };
  return { code: "internal", message: error instanceof Error ? error.message : String(error) };
}
