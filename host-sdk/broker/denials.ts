import type { RbsmError } from "@rising-bsm/protocol";

/** A host call that was refused for want of a permission. */
export interface Denial {
  readonly plugin: string;
  readonly method: string;
  readonly permission: string;
}

// Names of methods come from plugin code, which could make up new ones for ever.
const KEPT_PER_PLUGIN = 256;

/** Remembers what was refused, each refusal once. */
export function createDenials() {
  const kept = new Map<string, Map<string, Denial>>();

  return {
    note(refusal: RbsmError, plugin: string, method: string): void {
      const { permission } = refusal.detail;
      if (refusal.code !== "permission_denied" || typeof permission !== "string") return;
      const own = kept.get(plugin) ?? new Map<string, Denial>();
      kept.set(plugin, own);
      const id = JSON.stringify([method, permission]);
      if (own.size < KEPT_PER_PLUGIN) own.set(id, { plugin, method, permission });
    },
    list(plugin?: string): Denial[] {
      const all = plugin === undefined ? [...kept.values()] : [kept.get(plugin) ?? new Map()];
      return all.flatMap((own: ReadonlyMap<string, Denial>) => [...own.values()]);
    },
  };
}
