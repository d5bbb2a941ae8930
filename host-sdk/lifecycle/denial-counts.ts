import type { AuditRow } from "../broker/broker.ts";

/** Names of methods come from plugin code, which could make up new ones for ever. */
const PERMISSIONS_KEPT = 256;

/** How often each plugin was refused for want of each permission since the host started. */
export interface DenialCounts {
  count(row: AuditRow): void;
  /** Permission (or method, where no permission would help) → refusals. */
  read(plugin: string): Record<string, number>;
  forget(plugin: string): void;
}

/** Empty counts. */
export function createDenialCounts(): DenialCounts {
  const plugins = new Map<string, Map<string, number>>();
  return {
    count({ plugin, method, permission, outcome }) {
      if (outcome !== "permission_denied") return;
      const counts = plugins.get(plugin) ?? new Map<string, number>();
      plugins.set(plugin, counts);
      const code = permission ?? method;
      if (counts.has(code) || counts.size < PERMISSIONS_KEPT)
        counts.set(code, (counts.get(code) ?? 0) + 1);
    },
    read: (plugin) => Object.fromEntries(plugins.get(plugin) ?? []),
    forget: (plugin) => void plugins.delete(plugin),
  };
}
