import {
  CALL_LIMITS,
  type ErrorCode,
  type Json,
  RbsmError,
  RUNTIME_LIMITS,
} from "@rising-bsm/protocol";
import { budgetOf } from "./call-budget.ts";
import { countCall, percentile } from "./call-stats.ts";
import type { Child } from "./child.ts";
import { createFrameHandlers } from "./child-frames.ts";
import { ChildPool } from "./child-pool.ts";
import { takeWedged } from "./crash-blame.ts";
import { evictWhenIdle } from "./idle-eviction.ts";
import { ARGUMENTS_DEPTH } from "./json-text.ts";
import { createPluginLoader, dataText, type PluginLoader } from "./plugin-loader.ts";
import { parsePayload, payloadText } from "./payload.ts";
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
import { runCall } from "./run-call.ts";
import type { RunnerProgram } from "./runner-program.ts";

export interface SupervisorOptions extends RuntimeHost {
  /** Keep one child started and empty, so that recovery and the next tier start warm. Default true. */
  readonly spareChild?: boolean;
  /** The files a child is started from. Default: those beside this package. */
  readonly program?: () => RunnerProgram;
}

/** Runs plugins in child processes; this process never loads isolated-vm. */
export function createSupervisor(options: SupervisorOptions): PluginRuntime {
  return new Supervisor(options);
}

class Supervisor implements PluginRuntime {
  readonly #options: SupervisorOptions;
  readonly #slots = new Map<string, PluginSlot>();
  readonly #listeners = new Set<(event: RuntimeEvent) => void>();
  readonly #pool: ChildPool;
  readonly #loader: PluginLoader;
  readonly #onWedged: (child: Child) => void;
  #openCalls = 0;
  #closed = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    const emit = this.#emit.bind(this);
    const handlers = createFrameHandlers({
      host: options,
      emit,
      onReady: (child) => this.#pool.confirmStart(child),
      pauseMs: () => this.#pool.pauseMs(),
    });
    this.#pool = new ChildPool({
      ...options,
      ...handlers,
      onMove: (slot) => {
        slot.home = undefined;
        emit(slot, "lost");
      },
    });
    this.#onWedged = (child) => takeWedged(emit, child);
    this.#loader = createPluginLoader({ pool: this.#pool, emit, onWedged: this.#onWedged });
  }

  async loadPlugin(spec: PluginSpec): Promise<PluginShape> {
    if (this.#closed) throw new RbsmError("cancelled", "The runtime is closed");
    if (this.#slots.has(spec.id))
      throw new RbsmError("conflict_state", `${spec.id} is loaded already`);
    const slot = createSlot(spec);
    this.#slots.set(spec.id, slot);
    try {
      const shape = await this.#loader.ready(slot);
      evictWhenIdle(slot, () => {
        this.#loader.drop(slot);
        this.#emit(slot, "evicted");
      });
      return shape;
    } catch (error) {
      await this.unloadPlugin(spec.id);
      throw error;
    } finally {
      this.#pool.prepareSpare();
    }
  }

  async executePlugin(id: string, call: PluginCall): Promise<CallOutcome> {
    const startedAt = performance.now();
    const slot = this.#admit(id, call);
    slot.openCalls += 1;
    this.#openCalls += 1;
    try {
      const outcome = await this.#execute(slot, call, startedAt);
      countCall(slot.stats, outcome.usage.wallMs);
      return outcome;
    } catch (error) {
      countCall(slot.stats, performance.now() - startedAt, error);
      throw error;
    } finally {
      slot.openCalls -= 1;
      this.#openCalls -= 1;
      slot.lastCallAt = performance.now();
    }
  }

  async updatePlugin(id: string, data: PluginData): Promise<void> {
    const slot = this.#slots.get(id);
    if (slot === undefined) throw new RbsmError("plugin_not_active", `${id} is not loaded`);
    const body = dataText(data);
    slot.data = { config: data.config, license: data.license };
    slot.home?.child.process.send({ type: "data", id: slot.home.loadId, head: {}, body });
  }

  async unloadPlugin(id: string): Promise<void> {
    const slot = this.#slots.get(id);
    if (slot === undefined) return;
    this.#slots.delete(id);
    slot.gone = "plugin_not_active";
    clearTimeout(slot.idleTimer);
    for (const call of slot.calls) call.fail("plugin_not_active", `${id} was unloaded`);
    this.#loader.drop(slot);
    this.#pool.release(slot);
    this.#emit(slot, "unloaded");
  }

  usage(id: string): PluginUsage | undefined {
    const slot = this.#slots.get(id);
    if (slot === undefined) return undefined;
    const { stats, home, openCalls } = slot;
    const { calls, failures, cpuMs, loads, retried, evictions } = stats;
    return {
      calls,
      failures,
      cpuMs,
      retried,
      evictions,
      openCalls,
      reloads: Math.max(0, loads - 1),
      p50Ms: percentile(stats, 0.5),
      p99Ms: percentile(stats, 0.99),
      stopped: Object.fromEntries(stats.stopped),
      rssMb: home === undefined ? 0 : home.child.process.rssMb() / home.child.plugins.size,
      pid: home?.child.process.pid,
    };
  }

  on(_event: "state", listener: (event: RuntimeEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const slot of this.#slots.values()) {
      slot.gone = "cancelled";
      clearTimeout(slot.idleTimer);
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
    if (slot.openCalls >= RUNTIME_LIMITS.openCallsPerPlugin)
      throw new RbsmError("host_busy", `${id} has ${slot.openCalls} calls open already`);
    if (this.#openCalls >= RUNTIME_LIMITS.openCalls)
      throw new RbsmError("host_busy", `The host has ${this.#openCalls} calls open already`);
    return slot;
  }

  async #execute(slot: PluginSlot, call: PluginCall, startedAt: number): Promise<CallOutcome> {
    const budget = budgetOf(call, slot.spec);
    const text = argumentsText(call);
    const body = typeof text === "string" ? text : await text;
    const sending = { call, body, budget, startedAt };
    const parts = { loader: this.#loader, onWedged: this.#onWedged };
    const answer = await runCall(parts, slot, sending);
    rememberActivation(slot, call);
    const result = await resultOf(answer.body, call.kind);
    return {
      result: call.kind === "request" ? responseMessage(result) : result,
      usage: answer.usage,
      logs: answer.logs,
    };
  }

  #emit(slot: PluginSlot, state: RuntimeEvent["state"], code?: ErrorCode): void {
    const event = { plugin: slot.spec.id, state, ...(code === undefined ? {} : { code }) };
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        this.#options.logger.warn("A listener for plugin states failed", { error });
      }
    }
  }
}

function rememberActivation(slot: PluginSlot, call: PluginCall): void {
  if (call.kind !== "lifecycle") return;
  if (call.name === "onActivate") slot.activation = { context: call.context };
  if (call.name === "onDeactivate") slot.activation = undefined;
}

const MAX_NAME_LENGTH = 1_000;

function argumentsText({ kind, name, args }: PluginCall): string | Promise<string> {
  if (!Array.isArray(args))
    throw new RbsmError("plugin_rejected_value", "The arguments of a call are a list");
  if (name.length > MAX_NAME_LENGTH)
    throw new RbsmError("plugin_not_found", "No plugin has a function with such a long name");
  if (kind !== "request") return payloadText(args, CALL_LIMITS.payloadBytes, ARGUMENTS_DEPTH);
  return payloadText([requestArgument(args[0])], CALL_LIMITS.messageBytes);
}

function resultOf(text: string, kind: PluginCall["kind"]): Json | Promise<Json> {
  // A child never sends more; what is inside of a response has a limit of its own.
  const { messageBytes, payloadBytes, payloadDepth } = CALL_LIMITS;
  const maxBytes = kind === "request" ? messageBytes : payloadBytes;
  return parsePayload(text, { maxBytes, maxDepth: payloadDepth, code: "plugin_rejected_value" });
}
