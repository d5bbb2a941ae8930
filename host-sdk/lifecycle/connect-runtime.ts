import { isErrorCode, RbsmError } from "@rising-bsm/protocol";
import { type AuditRow, type Broker, createBroker } from "../broker/broker.ts";
import type { DomainPort } from "../domain/domain-port.ts";
import type { HostLogger } from "../host-options.ts";
import type { PluginRuntime, RuntimeEvent, RuntimeHost } from "../runtime/plugin-runtime.ts";
import { createSupervisor } from "../runtime/supervisor.ts";
import type { HostStore } from "../store/host-store.ts";
import { type ActiveParts, type ActivePlugins, createActivePlugins } from "./active-plugins.ts";
import { currentChain, withinChain } from "./call-chain.ts";
import { type PerMinute } from "../broker/quotas.ts";
import type { ReadSecret } from "../broker/fetch-calls.ts";
import { createFetch, type NetworkOptions } from "../network/fetch.ts";
import { limitsOf } from "./granted-limits.ts";
import type { PluginLogs } from "./plugin-logs.ts";
import type { CallContext, Reach } from "./running.ts";
import type { Slots } from "./slots.ts";

/** What plugins, broker and runtime of one host share. */
export interface ConnectParts extends Omit<ActiveParts, "runtime"> {
  readonly store: HostStore;
  readonly domain: DomainPort;
  readonly logs: PluginLogs;
  readonly logger: HostLogger;
  readonly now: () => Date;
  readonly audit: (row: AuditRow) => void;
  /** What plugins reach by `fetch` beside public hosts that they were granted. */
  readonly network?: NetworkOptions | undefined;
  readonly readSecret: ReadSecret;
  /** Quotas that differ from RATE_LIMITS. */
  readonly perMinute?: PerMinute | undefined;
  readonly createRuntime?: ((host: RuntimeHost) => PluginRuntime) | undefined;
}

/** The runtime with the broker behind it and the active plugins on top. */
export interface Connected {
  readonly runtime: PluginRuntime;
  readonly active: ActivePlugins;
  readonly broker: Broker;
}

/** Runtime, broker and active plugins need each other: a plugin's host call may call another plugin. */
export function connectRuntime(parts: ConnectParts): Connected {
  const { slots, logs, logger, now } = parts;
  const broker = createBroker({
    store: parts.store,
    domain: parts.domain,
    logger,
    now: () => now().getTime(),
    audit: parts.audit,
    network: {
      fetch: createFetch(parts.network ?? {}, (...line) => logger.warn(...line)),
      readSecret: parts.readSecret,
    },
    perMinute: parts.perMinute ?? {},
    callPlugin: async ({ plugin, method: name, deadlineMs, from: _from, ...call }) => {
      const { reach = active.reach } = currentChain() ?? {};
      // The caller's time is the callee's, but no more than the callee gets from anybody.
      const { wallMs } = limitsOf(slots.find(plugin)?.manifest ?? null, parts.limits);
      const left = deadlineMs === null ? wallMs : Math.min(deadlineMs, wallMs);
      const asked = { kind: "method", name, reach, deadlineMs: left, ...call } as const;
      return (await active.call(plugin, asked)).result;
    },
  });
  const host: RuntimeHost = {
    logger,
    onHostCall: (_id, context, call) => {
      const { reach, depth } = asCallContext(context);
      return withinChain({ reach, depth, signal: call.signal }, () => broker.handle(context, call));
    },
    onLog: (id, entry, context) => {
      const line = { ...entry, call: asCallContext(context).call, version: versionOf(id) };
      logs.write(active.nameOf(id), { at: now().toISOString(), ...line });
    },
  };
  const runtime = (parts.createRuntime ?? createSupervisor)(host);
  const active = createActivePlugins({ ...parts, runtime });
  const noteReload = createReloadWatch((id, change, code) => {
    const reason = isErrorCode(code) ? { code, message: new RbsmError(code).message } : null;
    slots.note(active.nameOf(id), change, reason);
  });
  runtime.on("state", (event) => {
    noteReload(event);
    if (event.state !== "quarantined") return;
    quarantine(event.plugin, { slots, active, runtime }).catch((error: unknown) =>
      logger.error("A plugin could not be quarantined", { error }),
    );
  });
  return { runtime, active, broker };
}

function versionOf(id: string): string {
  return id.slice(id.lastIndexOf("@") + 1).replace(/#\d+$/, "");
}

/** A load after an eviction, a crash or a limit is a reload, and why is known from what was before. */
function createReloadWatch(
  note: (id: string, change: "evicted" | "reloaded", code: string | undefined) => void,
): (event: RuntimeEvent) => void {
  const gone = new Map<string, string | undefined>();
  return ({ plugin: id, state, code }) => {
    if (state === "evicted") note(id, "evicted", undefined);
    if (state === "loaded" && gone.has(id)) note(id, "reloaded", gone.get(id));
    if (state === "evicted" || state === "lost") gone.set(id, code);
    else gone.delete(id);
  };
}

function asCallContext(context: unknown): Pick<CallContext, "reach" | "depth" | "call"> {
  const { reach, depth, call } = Object(context);
  if (isReach(reach) && typeof depth === "number" && typeof call === "string")
    return { reach, depth, call };
  throw new RbsmError("internal", "A host call came without its context");
}

function isReach(value: unknown): value is Reach {
  return typeof value === "function";
}

/** The slot says so before the version is unloaded, so that no call meets a plugin that is not loaded. */
async function quarantine(
  id: string,
  { slots, active, runtime }: Pick<Connected, "runtime" | "active"> & { readonly slots: Slots },
): Promise<void> {
  const name = active.nameOf(id);
  const running = await slots.find(name)?.running?.catch(() => null);
  const slot = slots.find(name);
  // A version that is only draining takes nothing away from the one that replaced it.
  if (slot !== undefined && running?.id === id) {
    const problem = {
      code: "plugin_quarantined",
      message: "It ended its process three times within ten minutes",
    } as const;
    slots.put(name, { ...slot, running: null, problem });
  }
  await runtime.unloadPlugin(id);
}
