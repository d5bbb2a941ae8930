import type { RbsmError } from "@rising-bsm/protocol";

/** A host call that was refused for want of a permission. */
export interface Denial {
  readonly plugin: string;
  readonly method: string;
  readonly permission: string;
}

// Names of methods come from plugin code, which could make up new ones for ever.
const KEPT_PER_PLUGIN = 256;

/** What was refused to each plugin, and how often. */
export interface Denials {
  /** Remembers a refusal if it was for want of a permission. */
  note(refusal: RbsmError, plugin: string, method: string): void;
  /** Each refusal once; of all plugins when none is named. */
  list(plugin?: string): Denial[];
  /** Permission → how often the plugin was refused for want of it. */
  counts(plugin: string): Record<string, number>;
  forget(plugin: string): void;
}

/** Empty denials. */
export function createDenials(): Denials {
  const kept = new Map<string, Map<string, { readonly denial: Denial; count: number }>>();
  const of = (plugin: string) => [...(kept.get(plugin)?.values() ?? [])];

  return {
    note(refusal, plugin, method) {
      const { permission } = refusal.detail;
      if (refusal.code !== "permission_denied" || typeof permission !== "string") return;
      const own = kept.get(plugin) ?? new Map();
      kept.set(plugin, own);
      const id = JSON.stringify([method, permission]);
      const known = own.get(id);
      if (known !== undefined) known.count += 1;
      else if (own.size < KEPT_PER_PLUGIN)
        own.set(id, { denial: { plugin, method, permission }, count: 1 });
    },
    list(plugin) {
      const plugins = plugin === undefined ? [...kept.keys()] : [plugin];
      return plugins.flatMap((name) => of(name).map(({ denial }) => denial));
    },
    counts(plugin) {
      const counts = new Map<string, number>();
      for (const { denial, count } of of(plugin))
        counts.set(denial.permission, (counts.get(denial.permission) ?? 0) + count);
      return Object.fromEntries(counts);
    },
    forget: (plugin) => void kept.delete(plugin),
  };
}
