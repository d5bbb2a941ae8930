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

export interface FrameHandlers {
  onFrame(child: Child, frame: Frame): void;
  onEnd(child: Child): void;
  /** It does not answer any more and has to be ended: nothing new goes there from now on. */
  onWedged(child: Child): void;
}

/** What happens when a child says something, and when it ends. */
export function createFrameHandlers(context: Context): FrameHandlers {
  const handlers: Partial<Record<FrameType, (child: Child, frame: Frame) => unknown>> = {
    result: (child, frame) => child.calls.get(frame.id)?.succeed(frame),
    failure: (child, frame) => child.calls.get(frame.id)?.failWith(frame),
    hostCall: (child, frame) => serveHostCall(context.host, child, frame),
    log: (child, frame) => takeLog(context.host, child, frame),
    dying: (child) => takeDying(context, child),
    stopped: (child, frame) => child.stopping.delete(frame.id),
    lost: (child, frame) => takeLoss(context, child, frame),
  };
  return {
    onFrame: (child, frame) => void handlers[frame.type]?.(child, frame),
    onEnd: (child) => takeEnd(context, child),
    onWedged: (child) => takeWedged(context, child),
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

/** Its plugins move before the process is gone; only calls that are open there are lost. */
function takeDying(context: Context, child: Child): void {
  child.dying = true;
  blame(context, child, [...child.stopping.values()]);
  for (const slot of child.plugins.values()) leave(context, child, slot);
}

/** Every plugin with an open call may be what keeps it from answering. */
function takeWedged(context: Context, child: Child): void {
  if (child.dying) return;
  child.dying = true;
  const slots = [...child.plugins.values()];
  blame(
    context,
    child,
    slots.filter((slot) => slot.calls.size > 0),
  );
  for (const slot of slots) leave(context, child, slot);
}

/**
 * The process is gone. If it ended itself over one plugin, that one is to blame; otherwise every
 * plugin with an open call may be.
 */
function takeEnd(context: Context, child: Child): void {
  if (!child.dying) {
    const slots = [...child.plugins.values()];
    const known = [...child.stopping.values()];
    blame(context, child, known.length > 0 ? known : slots.filter((slot) => slot.calls.size > 0));
    for (const slot of slots) leave(context, child, slot);
  }
  child.plugins.clear();
  child.stopping.clear();
  const collateral = child.suspects !== 1 || child.dying;
  for (const call of child.calls.values()) {
    call.fail("plugin_crashed", "The process that ran the plugin ended", { collateral });
  }
}

function leave(context: Context, child: Child, slot: PluginSlot): void {
  if (slot.home?.child !== child) return;
  slot.home = undefined;
  context.emit(slot, "lost", "plugin_crashed");
}

/**
 * Whoever may be to blame moves to a child of its own, where only its own crashes count: nobody can
 * get a neighbour switched off.
 */
function blame(context: Context, child: Child, suspects: readonly PluginSlot[]): void {
  child.suspects = suspects.length;
  for (const suspect of suspects) accuse(context, child, suspect);
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
