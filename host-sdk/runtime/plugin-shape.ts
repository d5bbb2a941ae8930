import { CALL_LIMITS, parseJson } from "@rising-bsm/protocol";
import type { PluginShape } from "./plugin-runtime.ts";

/** The shape from what the isolate lists: a JSON array of "kind:name". Throws `plugin_crashed`. */
export function shapeOf(keysText: string): PluginShape {
  const keys = parseJson(keysText, {
    maxBytes: CALL_LIMITS.payloadBytes,
    maxDepth: 2,
    code: "plugin_crashed",
  });
  const names = Array.isArray(keys) ? keys.map(String) : [];
  const of = (kind: string) =>
    names.filter((name) => name.startsWith(`${kind}:`)).map((name) => name.slice(kind.length + 1));
  return {
    methods: of("method"),
    hooks: of("hook"),
    schedules: of("schedule"),
    lifecycle: of("lifecycle"),
    handlesRequests: of("request").length > 0,
  };
}
