import { PLUGIN_NAME, RbsmError } from "@rising-bsm/protocol";

/** Throws `plugin_not_found` for what no plugin can be called; callers without types pass anything. */
export function assertPluginName(name: unknown): void {
  if (typeof name === "string" && PLUGIN_NAME.test(name)) return;
  throw new RbsmError("plugin_not_found", `${String(name)} is no plugin's name`, {
    fix: "Write it like @scope/name.",
  });
}
