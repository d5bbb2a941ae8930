import { RUNTIME_LIMITS } from "@rising-bsm/protocol";
import type { CallBudget } from "./call-budget.ts";
import type { Child, Home } from "./child.ts";
import { type OpenCall, openCall, remaining } from "./open-call.ts";
import type { PluginSlot } from "./plugin-slot.ts";
import { mapStack, pluginLabel } from "./source-map.ts";

/** What a child is asked, in one frame. */
export interface Question {
  readonly type: "load" | "call";
  readonly head: Record<string, unknown>;
  readonly body: string;
  readonly budget: CallBudget;
  /** On the clock of performance.now(). */
  readonly startedAt: number;
  readonly context: unknown;
  readonly signal: AbortSignal | undefined;
  /** The child has not answered in time: it has to be left. */
  readonly onWedged: (child: Child) => void;
}

/** Sends a load or a call to the plugin's child; the answer, or a failure, comes in time. */
export function askChild(slot: PluginSlot, home: Home, question: Question): OpenCall {
  const { child, loadId } = home;
  const { budget, startedAt, signal } = question;
  const id = question.type === "load" ? loadId : (child.lastId += 1);
  const cancel = () => {
    call.fail("cancelled", "The caller cancelled the call");
    child.process.send({ type: "cancel", id, head: { plugin: loadId }, body: "" });
  };
  const wallMs = remaining(budget, startedAt);
  const overdue = setTimeout(() => {
    question.onWedged(child);
    call.fail("limit_wall", "The call took longer than its wall time limit");
    child.process.kill();
  }, wallMs + RUNTIME_LIMITS.overdueMs);
  const call = openCall({
    id,
    context: question.context,
    startedAt,
    readStack: (stack) => mapStack(slot.spec.files, pluginLabel(slot.spec), stack),
    onSettled({ cpuMs }) {
      clearTimeout(overdue);
      signal?.removeEventListener("abort", cancel);
      slot.calls.delete(call);
      child.calls.delete(id);
      slot.stats.cpuMs += cpuMs;
      if (child.calls.size === 0) child.process.hold(false);
    },
  });
  signal?.addEventListener("abort", cancel, { once: true });
  slot.calls.add(call);
  const deadline = startedAt + budget.wallMs;
  child.calls.set(id, { open: call, slot, home, deadline, hostCalls: 0 });
  child.process.hold(true);
  const head = { ...question.head, plugin: loadId, cpuMs: budget.cpuMs, wallMs };
  child.process.send({ type: question.type, id, head, body: question.body });
  if (signal?.aborted === true) cancel();
  return call;
}
