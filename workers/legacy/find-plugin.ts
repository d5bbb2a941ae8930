import { foldName, pluginNameSchema, RbsmError } from "@rising-bsm/protocol";
import type { Database } from "../database.ts";
import { isHostNumber } from "./plugin-id.ts";
import type { PluginId } from "./plugin-id.ts";
import { findScoped } from "./queries.ts";

/** Where plugins of the old system go whose publisher has no scope of their own. */
const LEGACY_SCOPE = "@legacy";

/** Name of the plugin that an id of the old system means. Throws `plugin_not_found`, `request_invalid`. */
export async function findPluginName(db: Database, id: PluginId): Promise<string> {
  const text = String(id).toLowerCase();
  if (isHostNumber(text)) throw notFound();
  if (text.startsWith("@")) {
    const parsed = pluginNameSchema.safeParse(text);
    if (parsed.success) return parsed.data;
    throw notFound();
  }
  if (!/^[a-z0-9][a-z0-9-]{0,63}$/.test(text)) throw notFound();
  return onlyOne(await findScoped(db, foldName(text), text), text);
}

function onlyOne(found: readonly string[], name: string): string {
  const legacy = found.find((full) => full === `${LEGACY_SCOPE}/${name}`);
  if (legacy !== undefined) return legacy;
  const [first, ...others] = found;
  if (first === undefined) throw notFound();
  if (others.length === 0) return first;
  throw new RbsmError("request_invalid", `Several plugins are called "${name}"`, {
    fix: "Use the whole name, with its scope.",
  });
}

function notFound(): RbsmError {
  return new RbsmError("plugin_not_found", "Plugin not found");
}
