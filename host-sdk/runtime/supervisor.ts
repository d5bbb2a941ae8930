import {
  CALL_LIMITS,
  type ErrorCode,
  type Json,
  parseJson,
  RbsmError,
  RUNTIME_LIMITS,
} from "@rising-bsm/protocol";
import { budgetOf, type CallBudget, loadBudget } from "./call-budget.ts";
import { type Child, ChildPool, memoryOf } from "./child-pool.ts";
import { createFrameHandlers, type FrameHandlers } from "./child-frames.ts";
import { ARGUMENTS_DEPTH } from "./json-text.ts";
import { type Answer, type OpenCall, openCall, remaining } from "./open-call.ts";
import type {
  CallOutcome,
  PluginCall,
  PluginData,
  PluginRuntime,
  PluginShape,
  PluginSpec,
  PluginUsage,
  RuntimeEvent,
  RuntimeHost,
} from "./plugin-runtime.ts";
import { createSlot, type PluginSlot } from "./plugin-slot.ts";
import { requestArgument, responseMessage } from "./request-message.ts";
import { payloadText } from "./serve-host-call.ts";
import { shapeOf } from "./plugin-shape.ts";

export interface SupervisorOptions extends RuntimeHost {
  /** Keep one child started and empty, so that recovery and the next tier start warm. Default true. */
  readonly spareChild?: boolean;
}

/** Runs plugins in child processes; this process never loads isolated-vm. */
export function createSupervisor(options: SupervisorOptions): PluginRuntime {
  return new Supervisor(options);
}

/** One frame that asks a child for an answer. */
interface Question {
  readonly type: "load" | "call";
  readonly head: Record<string, unknown>;
  readonly body: string;
  readonly budget: CallBudget;
  readonly startedAt: number;
  readonly context: unknown;
  readonly signal: AbortSignal | undefined;
}

interface Sent {
  readonly body: string;
  readonly startedAt: number;
}

class Supervisor implements PluginRuntime {
  readonly #options: SupervisorOptions;
  readonly #slots = new Map<string, PluginSlot>();
  readonly #listeners = new Set<(event: RuntimeEvent) => void>();
  readonly #pool: ChildPool;
  readonly #handlers: FrameHandlers;
  #lastId = 0;
  #closed = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#handlers = createFrameHandlers({
      host: options,
      emit: (slot, state, code) => this.#emit(slot, state, code),
    });
    this.#pool = new ChildPool({ logger: options.logger, ...this.#handlers });
  }

  async loadPlugin(spec: PluginSpec): Promise<PluginShape> {
    if (this.#closed) throw new RbsmError("cancelled", "The runtime is closed");
    if (this.#slots.has(spec.id))
      throw new RbsmError("conflict_state", `${spec.id} is loaded already`);
    const slot = createSlot(spec);
    this.#slots.set(spec.id, slot);
    try {
      return await this.#ready(slot);
    } catch (error) {
      await this.unloadPlugin(spec.id);
      throw error;
    } finally {
      if (this.#options.spareChild !== false && !this.#closed) this.#pool.prepareSpare();
    }
  }

  async executePlugin(id: string, call: PluginCall): Promise<CallOutcome> {
    const startedAt = performance.now();
    const slot = this.#admit(id, call);
    const body = argumentsText(call);
    const answer = await this.#runWhenReady(slot, call, { body, startedAt });
    this.#rememberActivation(slot, call);
    const result = jsonOf(answer.body);
    return {
      result: call.kind === "request" ? responseMessage(result) : result,
      usage: answer.usage,
      logs: answer.logs,
    };
  }

  async updatePlugin(id: string, data: PluginData): Promise<void> {
    const slot = this.#slots.get(id);
    if (slot === undefined) throw new RbsmError("plugin_not_active", `${id} is not loaded`);
    slot.data = { config: data.config, license: data.license };
    slot.home?.child.process.send({
      type: "data",
      id: slot.home.loadId,
      head: {},
      body: dataText(slot.data),
    });
  }

  async unloadPlugin(id: string): Promise<void> {
    const slot = this.#slots.get(id);
    if (slot === undefined) return;
    this.#slots.delete(id);
    slot.unloaded = true;
    for (const call of slot.calls) call.fail("plugin_not_active", `${id} was unloaded`);
    const { home } = slot;
    slot.home = undefined;
    if (home !== undefined) {
      home.child.plugins.delete(home.loadId);
      home.child.process.send({ type: "unload", id: home.loadId, head: {}, body: "" });
    }
    this.#pool.release(slot);
    this.#emit(slot, "unloaded");
  }

  usage(id: string): PluginUsage | undefined {
    const slot = this.#slots.get(id);
    if (slot === undefined) return undefined;
    const { calls, failures, cpuMs, loads } = slot.totals;
    const reloads = Math.max(0, loads - 1);
    return {
      calls,
      failures,
      cpuMs,
      reloads,
      openCalls: slot.calls.size,
      pid: slot.home?.child.process.pid,
    };
  }

  on(_event: "state", listener: (event: RuntimeEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const slot of this.#slots.values()) {
      for (const call of slot.calls) call.fail("cancelled", "The runtime was closed");
    }
    this.#slots.clear();
    await this.#pool.close();
  }

  /** Refuses at once what cannot run: nothing waits in a queue. */
  #admit(id: string, call: PluginCall): PluginSlot {
    const slot = this.#slots.get(id);
    if (this.#closed || call.signal?.aborted === true) throw new RbsmError("cancelled");
    if (slot === undefined) throw new RbsmError("plugin_not_active", `${id} is not loaded`);
    if (slot.quarantined)
      throw new RbsmError("plugin_quarantined", `${id} was switched off after repeated crashes`);
    if (slot.calls.size >= RUNTIME_LIMITS.openCallsPerPlugin) {
      throw new RbsmError("host_busy", `${id} has ${slot.calls.size} calls open already`);
    }
    return slot;
  }

  /** A call that met the end of its isolate before it began is made again, once. */
  async #runWhenReady(slot: PluginSlot, call: PluginCall, sent: Sent): Promise<Answer> {
    for (let attempt = 1; ; attempt += 1) {
      if (slot.home === undefined || slot.loading !== undefined)
        await untilAborted(this.#ready(slot), call.signal);
      try {
        return await this.#run(slot, call, sent);
      } catch (error) {
        if (attempt > 1 || !(error instanceof RbsmError) || error.detail["notStarted"] !== true)
          throw error;
      }
    }
  }

  /** Loaded and, where it was active before its isolate was lost, activated again. */
  #ready(slot: PluginSlot): Promise<PluginShape> {
    slot.loading ??= this.#load(slot).finally(() => (slot.loading = undefined));
    return slot.loading;
  }

  async #load(slot: PluginSlot): Promise<PluginShape> {
    const { spec } = slot;
    const child = await this.#pool.childFor(slot);
    const head = {
      label: `rbsm:/${spec.name}@${spec.version}`,
      main: spec.main,
      memoryMb: memoryOf(spec),
    };
    const body = JSON.stringify({ files: codeOf(spec), data: JSON.parse(dataText(slot.data)) });
    const question = {
      type: "load",
      head,
      body,
      budget: loadBudget(spec),
      startedAt: performance.now(),
    } as const;
    const { id, answer } = this.#ask(slot, child, {
      ...question,
      context: undefined,
      signal: undefined,
    });
    child.plugins.set(id, slot);
    const { body: keys } = await answer;
    if (slot.unloaded) {
      child.plugins.delete(id);
      child.process.send({ type: "unload", id, head: {}, body: "" });
      throw new RbsmError("plugin_not_active", `${spec.id} was unloaded`);
    }
    if (!child.plugins.has(id))
      throw new RbsmError("plugin_crashed", "The plugin's process ended while it was loaded");
    slot.home = { child, loadId: id };
    slot.totals.loads += 1;
    if (slot.activation !== undefined) await this.#reactivate(slot, slot.activation.context);
    this.#emit(slot, "loaded");
    return shapeOf(keys);
  }

  async #reactivate(slot: PluginSlot, context: unknown): Promise<void> {
    const call: PluginCall = { kind: "lifecycle", name: "onActivate", args: [], context };
    try {
      await this.#run(slot, call, { body: "[]", startedAt: performance.now() });
    } catch (error) {
      // Half activated is not active: the next call starts over.
      const { home } = slot;
      slot.home = undefined;
      home?.child.plugins.delete(home.loadId);
      home?.child.process.send({ type: "unload", id: home.loadId, head: {}, body: "" });
      throw error;
    }
  }

  async #run(slot: PluginSlot, call: PluginCall, { body, startedAt }: Sent): Promise<Answer> {
    if (slot.home === undefined)
      throw new RbsmError("plugin_crashed", "The plugin's isolate ended before the call", {
        notStarted: true,
      });
    const { child, loadId } = slot.home;
    const target = call.kind === "request" ? "request:handleRequest" : `${call.kind}:${call.name}`;
    return this.#ask(slot, child, {
      type: "call",
      head: { plugin: loadId, target },
      body,
      budget: budgetOf(call, slot.spec),
      startedAt,
      context: call.context,
      signal: call.signal,
    }).answer;
  }

  #ask(slot: PluginSlot, child: Child, question: Question): OpenCall {
    const { head, budget, startedAt, signal } = question;
    const id = (this.#lastId += 1);
    const cancel = () => {
      call.fail("cancelled", "The caller cancelled the call");
      child.process.send({ type: "cancel", id, head: { plugin: head["plugin"] }, body: "" });
    };
    const overdue = setTimeout(
      () => {
        this.#handlers.onWedged(child);
        call.fail("limit_wall", "The call took longer than its wall time limit");
        child.process.kill();
      },
      remaining(budget, startedAt) + RUNTIME_LIMITS.overdueMs,
    );
    const call = openCall({
      id,
      context: question.context,
      startedAt,
      onSettled({ cpuMs }, ok) {
        clearTimeout(overdue);
        signal?.removeEventListener("abort", cancel);
        slot.calls.delete(call);
        child.calls.delete(id);
        slot.totals.cpuMs += cpuMs;
        if (!ok) slot.totals.failures += 1;
        if (child.calls.size === 0) child.process.hold(false);
      },
    });
    signal?.addEventListener("abort", cancel, { once: true });
    slot.calls.add(call);
    child.calls.set(id, call);
    child.process.hold(true);
    if (question.type === "call") slot.totals.calls += 1;
    const limits = { cpuMs: budget.cpuMs, wallMs: remaining(budget, startedAt) };
    child.process.send({
      type: question.type,
      id,
      head: { ...head, ...limits },
      body: question.body,
    });
    return call;
  }

  #rememberActivation(slot: PluginSlot, call: PluginCall): void {
    if (call.kind !== "lifecycle") return;
    if (call.name === "onActivate") slot.activation = { context: call.context };
    if (call.name === "onDeactivate") slot.activation = undefined;
  }

  #emit(slot: PluginSlot, state: RuntimeEvent["state"], code?: ErrorCode): void {
    const event = { plugin: slot.spec.id, state, ...(code === undefined ? {} : { code }) };
    for (const listener of this.#listeners) listener(event);
  }
}

/** Only code and data that modules can import reach the child. */
function codeOf(spec: PluginSpec): (readonly [string, string])[] {
  const decoder = new TextDecoder();
  return [...spec.files]
    .filter(([path]) => /\.(?:js|mjs|json)$/.test(path))
    .map(([path, bytes]) => [path, decoder.decode(bytes)] as const);
}

function argumentsText({ kind, args }: PluginCall): string {
  if (!Array.isArray(args))
    throw new RbsmError("plugin_rejected_value", "The arguments of a call are a list");
  if (kind !== "request") return payloadText(args, CALL_LIMITS.payloadBytes, ARGUMENTS_DEPTH);
  return payloadText([requestArgument(args[0])], CALL_LIMITS.messageBytes);
}

function dataText({ config, license }: PluginData): string {
  return payloadText(
    { config, entitlements: license.entitlements, info: license.info },
    CALL_LIMITS.payloadBytes,
  );
}

function jsonOf(text: string): Json {
  // A child never sends more; what is inside of a response has a limit of its own.
  const { messageBytes, payloadDepth } = CALL_LIMITS;
  const value = parseJson(text, {
    maxBytes: messageBytes,
    maxDepth: payloadDepth,
    code: "plugin_rejected_value",
  });
  return isJson(value) ? value : null;
}

/** It came out of JSON.parse: it is nothing else. */
function isJson(value: unknown): value is Json {
  return value !== undefined;
}

function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const stop = () => reject(new RbsmError("cancelled", "The caller cancelled the call"));
    signal.addEventListener("abort", stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}
