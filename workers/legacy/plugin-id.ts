/**
 * How hosts of the old system name a plugin: by its name here, by the name without the scope that it
 * had there, or by the number of the row in their own database, which nobody else knows.
 */
export type PluginId = string | number;

/** Whether the id is a number that means something at one host only. */
export function isHostNumber(id: PluginId): boolean {
  return /^\d+$/.test(String(id));
}

/** Whether a name, with its scope or without, is this plugin's. */
export function namesPlugin(id: PluginId, plugin: string): boolean {
  const name = String(id).toLowerCase();
  return name === plugin || plugin.endsWith(`/${name}`);
}
