import {
  CALL_LIMITS,
  type ErrorCode,
  isErrorCode,
  type Json,
  RUNTIME_LIMITS,
} from "@rising-bsm/protocol";
import type { Child } from "./child-pool.ts";
import type { Frame, FrameType } from "./frames.ts";
import type { LogEntry, RuntimeEvent, RuntimeHost } from "./plugin-runtime.ts";
import type { PluginSlot } from "./plugin-slot.ts";
import { serveHostCall } from "./serve-host-call.ts";

interface Context {
  readonly host: RuntimeHost;
  emit(slot: PluginSlot, state: RuntimeEvent["state"], code?: ErrorCode): void;
}

interface FrameHandlers {
  onFrame(child: Child, frame: Frame): void;
  onEnd(child: Child): void;
}

/** What happens when a child says something, and when it ends. */
export function createFrameHandlers(context: Context): FrameHandlers {
  const handlers: Partial<Record<FrameType, (child: Child, frame: Frame) => unknown>> = {
    result: (child, frame) => child.calls.get(frame.id)?.succeed(frame),
    failure: (child, frame) => child.calls.get(frame.id)?.failWith(frame),
    hostCall: (child, frame) => serveHostCall(context.host, child, frame),
    log: (child, frame) => takeLog(context.host, child, frame),
    stopped: (child, frame) => child.stopping.delete(frame.id),
    lost: (child, frame) => takeLoss(context, child, frame),
  };
  return {
    onFrame: (child, frame) => void handlers[frame.type]?.(child, frame),
    onEnd: (child) => takeEnd(context, child),
  };
}

const LEVELS = ["debug", "info", "warn", "error"] as const;

function takeLog(host: RuntimeHost, child: Child, frame: Frame): void {
  const call = child.calls.get(frame.id);
  const slot = slotOf(child, frame);
  if (call === undefined || slot === undefined || call.logs.length > CALL_LIMITS.logLines) return;
  const [message, fields]: [unknown, Json] = JSON.parse(frame.body);
  const entry: LogEntry = {
    level: LEVELS[Number(frame.head["level"])] ?? "info",
    message: String(message),
    ...(fields === null ? {} : { fields }),
  };
  call.logs.push(entry);
  host.onLog(slot.spec.id, entry);
}

function slotOf(child: Child, frame: Frame): PluginSlot | undefined {
  return child.plugins.get(Number(frame.head["plugin"]));
}

/** One isolate ended, its child lives on. */
function takeLoss(context: Context, child: Child, frame: Frame): void {
  const slot = child.plugins.get(frame.id);
  if (slot === undefined) return;
  child.plugins.delete(frame.id);
  child.stopping.set(frame.id, slot);
  if (slot.home?.loadId === frame.id) slot.home = undefined;
  const code = frame.head["code"];
  context.emit(slot, "lost", isErrorCode(code) ? code : "plugin_crashed");
}

/**
 * The process is gone. If it ended itself over one plugin, that one is to blame; otherwise every
 * plugin with an open call may be. Whoever may be to blame moves to a child of its own, where only
 * its own crashes count: nobody can get a neighbour switched off.
 */
function takeEnd(context: Context, child: Child): void {
  const slots = [...child.plugins.values()];
  const known = [...child.stopping.values()];
  const suspects = known.length > 0 ? known : slots.filter((slot) => slot.calls.size > 0);
  child.plugins.clear();
  child.stopping.clear();
  for (const suspect of suspects) accuse(context, child, suspect);
  for (const slot of slots) {
    slot.home = undefined;
    context.emit(slot, "lost", "plugin_crashed");
  }
  const collateral = known.length > 0 || suspects.length > 1;
  for (const call of child.calls.values()) {
    call.fail("plugin_crashed", "The process that ran the plugin ended", { collateral });
  }
}

function accuse(context: Context, child: Child, slot: PluginSlot): void {
  const now = Date.now();
  slot.aloneUntil = now + RUNTIME_LIMITS.aloneMs;
  if (child.owner !== slot) return;
  slot.crashes = [...slot.crashes.filter((at) => at > now - RUNTIME_LIMITS.aloneMs), now];
  if (slot.crashes.length < RUNTIME_LIMITS.crashesBeforeQuarantine || slot.quarantined) return;
  slot.quarantined = true;
  context.emit(slot, "quarantined", "plugin_crashed");
}
