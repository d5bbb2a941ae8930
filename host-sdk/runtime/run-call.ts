import { RbsmError, RUNTIME_LIMITS } from "@rising-bsm/protocol";
import { askChild } from "./ask-child.ts";
import type { CallBudget } from "./call-budget.ts";
import type { Child } from "./child.ts";
import { isBystander } from "./crash-blame.ts";
import type { Answer } from "./open-call.ts";
import type { PluginLoader } from "./plugin-loader.ts";
import type { PluginCall } from "./plugin-runtime.ts";
import type { PluginSlot } from "./plugin-slot.ts";

/** A call on its way to its plugin. */
export interface Sending {
  readonly call: PluginCall;
  /** The arguments as JSON. */
  readonly body: string;
  readonly budget: CallBudget;
  /** On the clock of performance.now(). */
  readonly startedAt: number;
}

interface Parts {
  readonly loader: PluginLoader;
  readonly onWedged: (child: Child) => void;
}

/**
 * Runs a call, and again where that is safe: once when its isolate had ended before it began, and
 * once when another call ended its process and the plugin says that it may run twice.
 */
export async function runCall(parts: Parts, slot: PluginSlot, sending: Sending): Promise<Answer> {
  const left = { notStarted: 1, crashed: mayRunTwice(slot, sending.call) ? 1 : 0 };
  for (;;) {
    try {
      return await runOnce(parts, slot, sending);
    } catch (error) {
      const reason = lossOf(error);
      if (reason === undefined || left[reason] === 0 || isOver(sending)) throw error;
      left[reason] -= 1;
      if (reason === "crashed") slot.stats.retried += 1;
    }
  }
}

async function runOnce(parts: Parts, slot: PluginSlot, sending: Sending): Promise<Answer> {
  const { call, body, budget, startedAt } = sending;
  if (slot.home === undefined || slot.loading !== undefined)
    await inTime(parts.loader.ready(slot), sending);
  const { home } = slot;
  if (home === undefined)
    throw new RbsmError("plugin_crashed", "The plugin's isolate ended before the call", {
      notStarted: true,
    });
  if (home.child.process.unread() > RUNTIME_LIMITS.pipeBytes)
    throw new RbsmError("host_busy", "The plugin's process has not taken its last calls yet");
  return askChild(slot, home, {
    type: "call",
    head: {
      target: call.kind === "request" ? "request:handleRequest" : `${call.kind}:${call.name}`,
    },
    body,
    budget,
    startedAt,
    context: call.context,
    signal: call.signal,
    onWedged: parts.onWedged,
  }).answer;
}

function mayRunTwice({ spec }: PluginSlot, { kind, name }: PluginCall): boolean {
  return (kind === "method" || kind === "hook") && (spec.idempotent ?? []).includes(name);
}

/** How the call was lost, if it was and not by its own doing. */
function lossOf(error: unknown): "notStarted" | "crashed" | undefined {
  if (error instanceof RbsmError && error.detail["notStarted"] === true) return "notStarted";
  return isBystander(error) ? "crashed" : undefined;
}

function isOver({ budget, startedAt, call }: Sending): boolean {
  return call.signal?.aborted === true || performance.now() - startedAt >= budget.wallMs;
}

/** Nobody waits for the start of a plugin longer than for the call. */
function inTime(work: Promise<unknown>, { call, budget, startedAt }: Sending): Promise<void> {
  const { signal } = call;
  return new Promise((resolve, reject) => {
    const late = () =>
      reject(new RbsmError("limit_wall", "The plugin was not ready within the call's wall time"));
    const timer = setTimeout(late, Math.max(1, budget.wallMs - (performance.now() - startedAt)));
    const stop = () => reject(new RbsmError("cancelled", "The caller cancelled the call"));
    signal?.addEventListener("abort", stop, { once: true });
    work
      .then(() => resolve(), reject)
      .finally(() => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", stop);
      });
  });
}
