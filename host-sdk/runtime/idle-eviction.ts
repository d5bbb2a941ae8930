import { RUNTIME_LIMITS } from "@rising-bsm/protocol";
import type { PluginSlot } from "./plugin-slot.ts";

/**
 * Calls `evict` whenever nobody has called the plugin for its idle time, as long as it stays loaded.
 * A plugin with an open call, or one that is being loaded, stays: work of a call is never cut short.
 */
export function evictWhenIdle(slot: PluginSlot, evict: () => void): void {
  const { idleMs = RUNTIME_LIMITS.idleMs } = slot.spec;
  if (idleMs <= 0) return;
  const look = () => {
    const idleForMs = performance.now() - slot.lastCallAt;
    const isBusy = slot.openCalls > 0 || slot.calls.size > 0 || slot.loading !== undefined;
    const isDue = !isBusy && idleForMs >= idleMs;
    if (isDue && slot.home !== undefined) {
      slot.stats.evictions += 1;
      evict();
    }
    lookAgain(isBusy || isDue ? idleMs : idleMs - idleForMs);
  };
  // One timer for each plugin: a call only notes its time.
  const lookAgain = (ms: number) => {
    slot.idleTimer = setTimeout(look, Math.min(Math.max(1, ms), MAX_TIMER_MS)).unref();
  };
  lookAgain(idleMs);
}

/** A longer timer would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;
