import type { HostStore } from "../../host-sdk/store/host-store.ts";
import { createMemoryStore } from "../../host-sdk/store/memory-store.ts";

/** What is on a machine's disk: a store that can be copied as a whole, as a backup does it. */
export interface Disk {
  readonly store: HostStore;
  readonly copy: () => Promise<Disk>;
}

/** An empty disk. */
export function createDisk(): Disk {
  const store = createMemoryStore();
  const kinds = new Set<string>();
  return {
    store: {
      ...store,
      async commit(changes) {
        for (const { kind } of changes) kinds.add(kind);
        return store.commit(changes);
      },
    },
    async copy() {
      const other = createDisk();
      for (const kind of kinds) {
        const rows = await store.list(kind);
        if (rows.length > 0) {
          await other.store.commit(rows.map(({ key, value }) => ({ kind, key, value })));
        }
      }
      return other;
    },
  };
}
