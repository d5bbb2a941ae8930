import { performance } from "node:perf_hooks";
import { CALL_LIMITS, RbsmError, type Json } from "@rising-bsm/protocol";
import { z } from "zod";
import { jsonValue } from "../domain/entities.ts";
import type { Actor } from "../lifecycle/actor.ts";
import type { BrokerContext } from "./grants.ts";
import { hostMethod, type HostMethod } from "./host-method.ts";

/** A call from one plugin to another. */
export interface PluginToPlugin {
  /** The plugin that calls. */
  readonly from: string;
  /** The plugin that is called, with its own grants. */
  readonly plugin: string;
  readonly method: string;
  readonly args: readonly Json[];
  /** The user stays the same all the way down. */
  readonly actor: Actor | null;
  /** Goes into the called plugin's context. */
  readonly depth: number;
  /** Aborted with the calling plugin's call. */
  readonly signal: AbortSignal;
  /** What is left of the calling plugin's wall time in ms; null: not known. */
  readonly deadlineMs: number | null;
}

export type CallPlugin = (call: PluginToPlugin) => Promise<Json>;

const callArgs = z.tuple([z.string().min(1), z.string().min(1)], jsonValue);

/** `plugins.call(name, method, ...args)`: to plugins that the manifest depends on, and no others. */
export function pluginCalls(callPlugin: CallPlugin): [string, HostMethod][] {
  const call = hostMethod(null, callArgs, async ([plugin, method, ...args], site) => {
    const { context, signal, deadline } = site;
    requireDependency(context, plugin);
    const depth = context.depth + 1;
    if (depth > CALL_LIMITS.pluginCallDepth) throw tooDeep();
    const deadlineMs = deadline === null ? null : deadline - performance.now();
    const { plugin: from, actor } = context;
    return callPlugin({ from, plugin, method, args, actor, depth, signal, deadlineMs });
  });
  return [["plugins.call", call]];
}

// A called plugin works with its own grants. Whoever approved the caller saw its dependencies, so
// those are the only grants of others that it can make use of.
function requireDependency({ plugin: caller, dependencies }: BrokerContext, plugin: string): void {
  if (dependencies.includes(plugin)) return;
  throw new RbsmError(
    "permission_denied",
    `${caller} may not call ${plugin}. Add "${plugin}": "*" to "dependencies" in manifest.json.`,
    {
      permission: `plugins.call:${plugin}`,
      method: "plugins.call",
      plugin: caller,
      missing: "grant",
      fix: `"dependencies": {"${plugin}": "*"}`,
    },
  );
}

function tooDeep(): RbsmError {
  return new RbsmError(
    "limit_calls",
    `Plugins may call each other ${CALL_LIMITS.pluginCallDepth} deep: do they call in a circle?`,
  );
}
