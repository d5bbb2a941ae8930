import { type ErrorCode, RbsmError, RUNTIME_LIMITS } from "@rising-bsm/protocol";
import type { Child } from "./child.ts";
import type { RuntimeEvent } from "./plugin-runtime.ts";
import type { PluginSlot } from "./plugin-slot.ts";

/** Tells the host about a change of a plugin's state. */
export type Emit = (slot: PluginSlot, state: RuntimeEvent["state"], code?: ErrorCode) => void;

/**
 * Whether a load or call was lost over another one and may be made again at once: after a process
 * that could not be started there is no other to try.
 */
export function isBystander(error: unknown): boolean {
  if (!(error instanceof RbsmError) || error.code !== "plugin_crashed") return false;
  return error.detail["collateral"] === true && error.detail["retryAfterMs"] === undefined;
}

/** Its plugins move before the process is gone; only calls that are open there are lost. */
export function takeDying(emit: Emit, child: Child): void {
  if (child.dying) return;
  child.dying = true;
  blame(emit, child, [...child.stopping.values()]);
  leaveAll(emit, child);
}

/** It does not answer: every plugin with an open call may be the reason. Nothing new goes there. */
export function takeWedged(emit: Emit, child: Child): void {
  if (child.dying) return;
  child.dying = true;
  blame(emit, child, withOpenCalls(child));
  leaveAll(emit, child);
}

/**
 * The process is gone. If it ended itself over one plugin, that one is to blame; otherwise every
 * plugin with an open call may be. Nobody is over a process that never began, or that somebody
 * killed.
 */
export function takeEnd(emit: Emit, child: Child): void {
  if (!child.dying && child.ready && !wasKilledForNothing(child)) {
    const known = [...child.stopping.values()];
    blame(emit, child, known.length > 0 ? known : withOpenCalls(child));
  }
  leaveAll(emit, child);
  child.plugins.clear();
  child.stopping.clear();
}

/** The kernel, when memory is short, kills a process that has much of it: that one is no accident. */
function wasKilledForNothing({ process, rssCapMb }: Child): boolean {
  return process.endedFromOutside() && process.rssMb() < rssCapMb / 2;
}

function withOpenCalls(child: Child): PluginSlot[] {
  return [...new Set([...child.calls.values()].map(({ slot }) => slot))];
}

function leaveAll(emit: Emit, child: Child): void {
  for (const slot of child.plugins.values()) {
    if (slot.home?.child !== child) continue;
    slot.home = undefined;
    emit(slot, "lost", "plugin_crashed");
  }
}

/**
 * Whoever may be to blame moves to a child of its own, where only its own crashes count: nobody can
 * get a neighbour switched off.
 */
function blame(emit: Emit, child: Child, suspects: readonly PluginSlot[]): void {
  child.suspects = suspects.length;
  for (const suspect of suspects) accuse(emit, child, suspect);
}

function accuse(emit: Emit, child: Child, slot: PluginSlot): void {
  const now = performance.now();
  const recent = (times: readonly number[]) =>
    times.filter((at) => at > now - RUNTIME_LIMITS.aloneMs);
  slot.aloneUntil = now + RUNTIME_LIMITS.aloneMs;
  slot.suspicions = [...recent(slot.suspicions), now];
  if (child.owner !== slot) return;
  slot.crashes = [...recent(slot.crashes), now];
  if (slot.crashes.length < RUNTIME_LIMITS.crashesBeforeQuarantine || slot.quarantined) return;
  slot.quarantined = true;
  emit(slot, "quarantined", "plugin_crashed");
}
