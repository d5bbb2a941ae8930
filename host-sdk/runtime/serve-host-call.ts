import { CALL_LIMITS, RbsmError, RUNTIME_LIMITS } from "@rising-bsm/protocol";
import { type AnswerLane, createAnswerLane, type WriteFrame } from "./answer-lane.ts";
import type { Child, ChildCall } from "./child.ts";
import { createGate, type Gate } from "./event-loop-turns.ts";
import type { Frame } from "./frames.ts";
import { ARGUMENTS_DEPTH } from "./json-text.ts";
import { parsePayload, payloadText } from "./payload.ts";
import type { RuntimeHost } from "./plugin-runtime.ts";
import { ProtocolViolation } from "./protocol-violation.ts";

/** Base64 of the largest answer of a fetch, with room for its headers. */
const FETCH_BYTES = Math.ceil((CALL_LIMITS.fetchResponseBytes * 4) / 3) + 64 * 1_024;
const MAX_METHOD_LENGTH = 200;

/**
 * Asks the host what a plugin asked, and sends the answer or the refusal back. Whose call it is
 * follows from the call, not from what the child says. Throws a ProtocolViolation.
 */
export function serveHostCall(host: RuntimeHost, child: Child, frame: Frame): void {
  const question = questionOf(frame);
  const call = child.calls.get(frame.id);
  if (call === undefined) {
    child.lateFrames += 1;
    // A child that does not read gets no answers it does not wait for.
    if (child.process.unread() < RUNTIME_LIMITS.pipeBytes)
      child.process.send(
        replyTo(question, refusal(host, question, new RbsmError("cancelled", CALL_OVER))),
      );
    return;
  }
  if (question.plugin !== call.home.loadId)
    throw new ProtocolViolation("A host call of another plugin");
  if (call.hostCalls >= CALL_LIMITS.callsInFlight)
    throw new ProtocolViolation("More host calls than a plugin can make");
  call.hostCalls += 1;
  void serve(host, call, question);
}

async function serve(host: RuntimeHost, call: ChildCall, question: Question): Promise<void> {
  const lane = laneOf(call);
  await lane.room();
  const reply = replyTo(question, await answer(host, call, question));
  // Before it is sent: the child may ask again as soon as it has read the answer.
  call.hostCalls -= 1;
  lane.send(reply);
}

const lanes = new WeakMap<object, AnswerLane>();

function laneOf({ home }: ChildCall): AnswerLane {
  const write: WriteFrame = (frame, onTaken) => home.child.process.send(frame, onTaken);
  const lane = lanes.get(home) ?? createAnswerLane(write);
  lanes.set(home, lane);
  return lane;
}

async function answer(host: RuntimeHost, call: ChildCall, question: Question): Promise<HostAnswer> {
  try {
    const wait = gateOf(call)();
    if (wait !== undefined) await wait;
    return await askHost(host, call, question);
  } catch (error) {
    return refusal(host, question, error);
  }
}

/** Of one plugin: so many take a few ms where each writes to a database. */
const BEGUN_PER_TURN = 4;
const gates = new WeakMap<object, Gate>();

/** A plugin may ask thousands of things at the same moment. */
function gateOf({ slot }: ChildCall): Gate {
  const gate = gates.get(slot) ?? createGate(BEGUN_PER_TURN);
  gates.set(slot, gate);
  return gate;
}

const CALL_OVER = "The call is over";

interface Question {
  readonly id: number;
  readonly plugin: number;
  readonly hostId: number;
  readonly method: string;
  readonly body: string;
}

type HostAnswer = Pick<Frame, "type" | "body">;

function questionOf({ id, head, body }: Frame): Question {
  const { plugin, hostId, method } = head;
  if (typeof plugin !== "number" || typeof hostId !== "number" || typeof method !== "string")
    throw new ProtocolViolation("A host call without its head");
  if (method.length > MAX_METHOD_LENGTH || body.length > CALL_LIMITS.payloadBytes)
    throw new ProtocolViolation("A host call over its limit");
  return { id, plugin, hostId, method, body };
}

function replyTo({ id, plugin, hostId }: Question, answer: HostAnswer): Frame {
  return { ...answer, id, head: { plugin, hostId } };
}

async function askHost(
  host: RuntimeHost,
  call: ChildCall,
  { method, body }: Question,
): Promise<HostAnswer> {
  const args = await parsePayload(body, {
    maxBytes: CALL_LIMITS.payloadBytes,
    maxDepth: ARGUMENTS_DEPTH,
    code: "limit_payload",
  });
  if (!Array.isArray(args))
    throw new RbsmError("plugin_rejected_value", "The arguments are not a list");
  const { open, slot, deadline } = call;
  const result = await host.onHostCall(slot.spec.id, open.context, {
    method,
    args,
    signal: open.signal,
    deadline,
  });
  const maxBytes = method === "fetch" ? FETCH_BYTES : CALL_LIMITS.payloadBytes;
  return { type: "hostResult", body: await payloadText(result, maxBytes) };
}

function refusal(host: RuntimeHost, { method }: Question, error: unknown): HostAnswer {
  if (error instanceof RbsmError) {
    return {
      type: "hostRefusal",
      body: JSON.stringify({ code: error.code, message: error.message }),
    };
  }
  host.logger.warn("A host call failed", { method, error });
  return {
    type: "hostRefusal",
    body: JSON.stringify({ code: "internal", message: `The host could not serve ${method}` }),
  };
}
