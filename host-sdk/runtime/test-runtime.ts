import type { Json } from "@rising-bsm/protocol";
import type {
  HostCall,
  LogEntry,
  PluginCall,
  PluginRuntime,
  PluginSpec,
} from "./plugin-runtime.ts";
import { createSupervisor, type SupervisorOptions } from "./supervisor.ts";

type Rest = [args?: Json[], call?: Partial<PluginCall>];

/** A supervisor with real children for tests, and what the host saw. */
export interface TestRuntime extends PluginRuntime {
  readonly hostCalls: { plugin: string; context: unknown; method: string; args: Json[] }[];
  readonly logged: LogEntry[];
  readonly warnings: string[];
  /** Loads a plugin of one or more files; the text alone is index.js. */
  load(
    id: string,
    files: string | Record<string, string>,
    spec?: Partial<PluginSpec>,
  ): Promise<void>;
  /** Calls a method and gives back its result. */
  run(id: string, name: string, ...rest: Rest): Promise<Json>;
}

export function startTestRuntime(
  onHostCall: (call: HostCall) => Promise<Json> = async () => null,
  options: Pick<SupervisorOptions, "spareChild" | "program"> = {},
): TestRuntime {
  const hostCalls: TestRuntime["hostCalls"] = [];
  const logged: LogEntry[] = [];
  const warnings: string[] = [];
  const runtime = createSupervisor({
    spareChild: false,
    ...options,
    logger: {
      warn: (message, fields) => void warnings.push(`${message} ${JSON.stringify(fields)}`),
    },
    onLog: (_, entry) => void logged.push(entry),
    onHostCall(plugin, context, call) {
      hostCalls.push({ plugin, context, method: call.method, args: call.args });
      return onHostCall(call);
    },
  });
  return Object.assign(runtime, {
    hostCalls,
    logged,
    warnings,
    async load(id: string, files: string | Record<string, string>, spec: Partial<PluginSpec> = {}) {
      await runtime.loadPlugin({
        id,
        name: "@acme/hello",
        version: "1.0.0",
        main: "index.js",
        config: {},
        license: { entitlements: [], info: null },
        ...spec,
        files: filesOf(typeof files === "string" ? { "index.js": files } : files),
      });
    },
    async run(id: string, name: string, ...[args = [], call = {}]: Rest) {
      const outcome = await runtime.executePlugin(id, {
        kind: "method",
        name,
        args,
        context: null,
        ...call,
      });
      return outcome.result;
    },
  });
}

function filesOf(files: Record<string, string>): Map<string, Uint8Array> {
  return new Map(
    Object.entries(files).map(([path, text]) => [path, new TextEncoder().encode(text)]),
  );
}
