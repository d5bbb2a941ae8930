import {
  CALL_LIMITS,
  isErrorCode,
  type Json,
  RbsmError,
  RUNTIME_LIMITS,
} from "@rising-bsm/protocol";
import type { Child, ChildCall } from "./child.ts";
import { notStarting } from "./child-pool.ts";
import { type Emit, takeDying, takeEnd } from "./crash-blame.ts";
import type { Frame, FrameType } from "./frames.ts";
import { LOG_LEVELS, type LogEntry, type RuntimeHost } from "./plugin-runtime.ts";
import { ProtocolViolation } from "./protocol-violation.ts";
import { serveHostCall } from "./serve-host-call.ts";
import { mapStack, pluginLabel } from "./source-map.ts";

interface Context {
  readonly host: RuntimeHost;
  readonly emit: Emit;
  onReady(child: Child): void;
  /** How long until the next child may be started. */
  pauseMs(): number;
}

/** What happens when a child says something, and when it ends. */
export interface FrameHandlers {
  /**
   * Throws a ProtocolViolation when the frame is one that a child of ours never sends. A child may be
   * in the hands of an attacker: nothing it says is believed beyond the plugins it holds.
   */
  onFrame(child: Child, frame: Frame): void;
  onEnd(child: Child): void;
}

type Handler = (child: Child, frame: Frame) => unknown;

export function createFrameHandlers(context: Context): FrameHandlers {
  const handlers: Partial<Record<FrameType, Handler>> = {
    ready: (child) => takeReady(context, child),
    result: (child, frame) => finish(child, frame, (call) => call.open.succeed(frame)),
    failure: (child, frame) => finish(child, frame, (call) => call.open.failWith(frame)),
    hostCall: (child, frame) => serveHostCall(context.host, child, frame),
    log: (child, frame) => takeLog(context.host, child, frame),
    dying: (child) => takeFarewell(context.emit, child),
    stopped: (child, frame) => {
      if (!child.stopping.delete(frame.id)) child.lateFrames += 1;
    },
    lost: (child, frame) => takeLoss(context.emit, child, frame),
  };
  return {
    onFrame(child, frame) {
      const handle = handlers[frame.type];
      if (handle === undefined) throw new ProtocolViolation(`A frame "${frame.type}" from a child`);
      if (frame.id > child.lastId) throw new ProtocolViolation("An id that was never given");
      handle(child, frame);
      if (child.lateFrames > RUNTIME_LIMITS.lateFrames)
        throw new ProtocolViolation("A flood of frames for calls that are over");
    },
    onEnd: (child) => endCalls(context, child),
  };
}

function takeReady(context: Context, child: Child): void {
  if (child.ready) throw new ProtocolViolation("A second start");
  context.onReady(child);
}

function finish(child: Child, { id }: Frame, settle: (call: ChildCall) => void): void {
  const call = child.calls.get(id);
  // Cancelled or overdue; the answer was on its way.
  if (call === undefined) child.lateFrames += 1;
  else settle(call);
}

/** JSON writes up to six bytes for one of the message; the fields are counted as JSON. */
const MAX_LOG_CHARS = 8 * CALL_LIMITS.logBytes;

function takeLog(host: RuntimeHost, child: Child, { id, head, body }: Frame): void {
  const call = child.calls.get(id);
  if (call === undefined || call.open.logs.length > CALL_LIMITS.logLines) {
    child.lateFrames += 1;
    return;
  }
  if (body.length > MAX_LOG_CHARS) throw new ProtocolViolation("A log line over its limit");
  // What is not JSON throws here, and ends the child like any other violation.
  const line: unknown = JSON.parse(body);
  if (!isLine(line)) throw new ProtocolViolation("A log line that is none");
  const [message, fields] = line;
  const { spec } = call.slot;
  const entry: LogEntry = {
    level: LOG_LEVELS[Number(head["level"])] ?? "info",
    // An error that nobody caught is logged with its stack.
    message: mapStack(spec.files, pluginLabel(spec), message),
    ...(fields === null ? {} : { fields }),
  };
  call.open.logs.push(entry);
  try {
    host.onLog(spec.id, entry, call.open.context);
  } catch (error) {
    // The host's own fault: the child is not ended for it.
    host.logger.warn("A log line could not be kept", { error });
  }
}

function isLine(value: unknown): value is [string, Json] {
  return Array.isArray(value) && value.length === 2 && typeof value[0] === "string";
}

/** It ends itself; if it only says so, it is ended. */
function takeFarewell(emit: Emit, child: Child): void {
  child.lateFrames += 1;
  if (child.dying) return;
  takeDying(emit, child);
  setTimeout(() => child.process.kill(), RUNTIME_LIMITS.stopMs).unref();
}

/** One isolate ended, its child lives on. Others wait for `stopped` before they go there. */
function takeLoss(emit: Emit, child: Child, { id, head }: Frame): void {
  const slot = child.plugins.get(id);
  // Unloaded in the meantime.
  if (slot === undefined) {
    child.lateFrames += 1;
    return;
  }
  child.plugins.delete(id);
  child.stopping.set(id, slot);
  const endOverdue = () => {
    if (child.stopping.has(id)) child.process.kill();
  };
  setTimeout(endOverdue, RUNTIME_LIMITS.stopMs).unref();
  if (slot.home?.child === child && slot.home.loadId === id) slot.home = undefined;
  const code = head["code"];
  emit(slot, "lost", isErrorCode(code) ? code : "plugin_crashed");
}

/** The process is gone, and with it every answer that it owed. */
function endCalls(context: Context, child: Child): void {
  takeEnd(context.emit, child);
  const { code, message, detail } = child.ready ? crashed(child) : notStarting(context.pauseMs());
  for (const { open } of child.calls.values()) open.fail(code, message, detail);
}

function crashed({ suspects, dying }: Child): RbsmError {
  const collateral = suspects !== 1 || dying;
  return new RbsmError("plugin_crashed", "The process that ran the plugin ended", { collateral });
}
