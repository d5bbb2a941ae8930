import type { Json } from "@rising-bsm/protocol";
import {
  checkChanges,
  conditionHolds,
  rowVersionConflict,
  type Change,
  type HostStore,
  type Range,
  type Row,
} from "./host-store.ts";

interface Stored {
  readonly text: string;
  readonly version: number;
}

/** A `HostStore` that lives as long as the process: for `rising-bsm run` and for tests. */
export function createMemoryStore(): HostStore {
  const kinds = new Map<string, Map<string, Stored>>();
  let lastVersion = 0;

  function apply(change: Change): void {
    const rows = kinds.get(change.kind) ?? new Map<string, Stored>();
    kinds.set(change.kind, rows);
    if (change.value === null) rows.delete(change.key);
    else rows.set(change.key, { text: JSON.stringify(change.value), version: lastVersion });
  }

  return {
    async get(kind, key) {
      const stored = kinds.get(kind)?.get(key);
      return stored === undefined ? null : toRow(key, stored);
    },
    async list(kind, range = {}) {
      return [...(kinds.get(kind) ?? [])]
        .filter(([key]) => isInRange(key, range))
        .sort(([a], [b]) => compareKeys(a, b))
        .slice(0, range.limit)
        .map(([key, stored]) => toRow(key, stored));
    },
    async commit(changes) {
      checkChanges(changes);
      const refused = changes.find(
        (change) => !conditionHolds(kinds.get(change.kind)?.get(change.key)?.version, change),
      );
      if (refused) throw rowVersionConflict(refused);
      lastVersion += 1;
      for (const change of changes) apply(change);
      return lastVersion;
    },
    async close() {
      kinds.clear();
    },
  };
}

// Values are kept as text so that a caller who changes what it stored or read changes nothing here.
function toRow(key: string, stored: Stored): Row {
  const value: Json = JSON.parse(stored.text);
  return { key, value, version: stored.version };
}

function isInRange(key: string, { prefix = "", after }: Range): boolean {
  return key.startsWith(prefix) && (after === undefined || compareKeys(key, after) > 0);
}

function compareKeys(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
