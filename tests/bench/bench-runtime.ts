import type { Json } from "@rising-bsm/protocol";
import type {
  CallOutcome,
  PluginCall,
  PluginRuntime,
  PluginSpec,
} from "../../host-sdk/runtime/plugin-runtime.ts";
import { createSupervisor } from "../../host-sdk/runtime/supervisor.ts";

/** The supervisor and its children, without the host's lifecycle and broker above them. */
export interface BenchRuntime extends PluginRuntime {
  /** Loads a plugin whose one module is `code` under the id `id`, and activates it. */
  load(id: string, code: string, spec?: Partial<PluginSpec>): Promise<void>;
  /** Calls a method. */
  run(
    id: string,
    name: string,
    call?: Partial<Pick<PluginCall, "args" | "cpuMs" | "deadlineMs">>,
  ): Promise<CallOutcome>;
}

/** Starts one whose host answers every host call at once with a small object. */
export function startBenchRuntime(options: { spareChild?: boolean } = {}): BenchRuntime {
  const answer: Json = { some: "value" };
  const runtime = createSupervisor({
    ...options,
    onHostCall: async () => answer,
    onLog: () => undefined,
    logger: { warn: () => undefined },
  });
  const load: BenchRuntime["load"] = async (id, code, spec = {}) => {
    const license = { entitlements: [], info: null };
    const files = new Map([["index.js", new TextEncoder().encode(code)]]);
    const named = { name: "@bench/plugin", version: "1.0.0", main: "index.js" };
    await runtime.loadPlugin({ id, files, config: {}, license, ...named, ...spec });
    const activate = { kind: "lifecycle", name: "onActivate", args: [], context: null } as const;
    await runtime.executePlugin(id, activate);
  };
  return Object.assign(runtime, {
    load,
    run: (id: string, name: string, call: Partial<PluginCall> = {}) =>
      runtime.executePlugin(id, { kind: "method", name, args: [], context: null, ...call }),
  });
}
