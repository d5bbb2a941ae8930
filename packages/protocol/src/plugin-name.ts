import { z } from "zod";
import { RbsmError } from "./errors.ts";

/** `@scope/name` in lower-case ASCII, each part up to 64 characters. */
export const PLUGIN_NAME = /^@[a-z0-9][a-z0-9-]{0,63}\/[a-z0-9][a-z0-9-]{0,63}$/;

/** Schema of a plugin's name. */
export const pluginNameSchema = z.string().regex(PLUGIN_NAME, {
  error: "must look like @scope/name: lower-case letters, digits and dashes, up to 64 each",
});

/** Schema of a scope with its at sign. */
export const scopeSchema = z.string().regex(/^@[a-z0-9][a-z0-9-]{0,63}$/);

/** Schema of a publisher's name. */
export const publisherNameSchema = z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/);

/** The two parts of a plugin's name; `scope` keeps its `@`. Throws `request_invalid`. */
export function splitPluginName(pluginName: string): { scope: string; name: string } {
  if (!PLUGIN_NAME.test(pluginName)) {
    throw new RbsmError(
      "request_invalid",
      `${JSON.stringify(pluginName)} is not a plugin name like @scope/name`,
    );
  }
  const slash = pluginName.indexOf("/");
  return { scope: pluginName.slice(0, slash), name: pluginName.slice(slash + 1) };
}
