import {
  indexPath,
  parseJson,
  pluginDocumentSchema,
  RbsmError,
  TRUST_LIMITS,
} from "@rising-bsm/protocol";
import type { PluginDocument } from "@rising-bsm/protocol";

/** The public document of a plugin, or null when there is none. */
export async function readPluginDocument(
  bundles: R2Bucket,
  name: string,
): Promise<PluginDocument | null> {
  const object = await bundles.get(indexPath(name).slice(1));
  if (object === null) return null;
  const bytes = new Uint8Array(await object.arrayBuffer());
  const value = parseJson(bytes, { maxBytes: TRUST_LIMITS.pluginDocumentBytes, code: "internal" });
  const result = pluginDocumentSchema.safeParse(value);
  if (!result.success)
    throw new RbsmError("internal", "A plugin document is not readable", {}, result.error);
  return result.data;
}
