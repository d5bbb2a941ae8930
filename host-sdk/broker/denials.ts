import type { RbsmError } from "@rising-bsm/protocol";

/** A host call that was refused for want of a permission. */
export interface Denial {
  readonly plugin: string;
  readonly method: string;
  readonly permission: string;
}

// Names of methods come from plugin code, which could make up new ones for ever.
const DENIALS_KEPT = 256;

/** Remembers what was refused, each refusal once. */
export function createDenials() {
  const kept = new Map<string, Denial>();

  return {
    note(refusal: RbsmError, plugin: string, method: string): void {
      const { permission } = refusal.detail;
      if (refusal.code !== "permission_denied" || typeof permission !== "string") return;
      const id = JSON.stringify([plugin, method, permission]);
      if (kept.size < DENIALS_KEPT) kept.set(id, { plugin, method, permission });
    },
    list(plugin?: string): Denial[] {
      return [...kept.values()].filter((row) => plugin === undefined || row.plugin === plugin);
    },
  };
}
